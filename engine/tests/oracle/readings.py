"""Where the text of the language can be read in two ways: what is held to be right, and what the oracle read first.

A reading that was settled is changed here, in one line, together with the text that settles it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Readings:
    # `shared_over: account`: do subscriptions of the account whose plan does not declare the allowance draw from it?
    pool_serves_other_plans: bool = False
    # Two subscriptions of the account on the plan: two allowances in the pool, or one? (cases/allowance_account: one)
    pool_grows_by_subscription: bool = False
    # `scope: account` where subscriptions of the account have different tiers: do they fill them together, or apart?
    other_tiers_are_filled_apart: bool = True
    # unit_price is the "price of one unit that was applied; null when there is no single one".
    # Percentage: percent / 100 for one unit of money, null where the minimum or maximum decides.
    percentage_has_unit_price: bool = True
    # Package: the price of a block is not the price of one unit: 2,567.480752 GB x 4.00 is not the 104.00 of the line.
    package_has_unit_price: bool = False
    # model is the "charge model that priced the line": is `allowance` one, or is it the charge's model?
    allowance_is_a_model: bool = True
    # A record of a type that no meter counts, with an identifier nobody holds: no_meter, or unknown_identifier (the
    # order in which the language lists the reasons)?
    no_meter_comes_first: bool = True
    # A counted record without a quantity: suspense `no_quantity`, or left out, as in SQL? The language is silent.
    null_quantity_is_suspended: bool = True


SETTLED = Readings()
FIRST = Readings(
    pool_serves_other_plans=True,
    pool_grows_by_subscription=True,
    other_tiers_are_filled_apart=False,
    percentage_has_unit_price=False,
    package_has_unit_price=False,
    allowance_is_a_model=False,
    no_meter_comes_first=False,
    null_quantity_is_suspended=False,
)
