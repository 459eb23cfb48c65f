//! Why a record that could be read is set aside: every reason the stages themselves give, in one table, stable so that
//! suspense can be counted and searched by it. `read::reasons` has those of records that cannot be read; the codes of
//! suspend rules are the user's own.

macro_rules! reasons {
    ($($id:ident $code:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $id: &str = $code;)*
        /// Every reason with its meaning, in the order of the stages.
        pub const ALL: &[(&str, &str)] = &[$(($id, $meaning)),*];
    };
}

reasons! {
    MEDIATION_FAILED "mediation_failed" "The SELECT, its WHERE or a suspend rule cannot be computed on the record; `detail` has the cause.";
    MISSING_REQUIRED "missing_required" "A required column of the mediated record or of its dedup key is null, or its record_id is blank.";
    TOO_LATE "too_late" "The record's period is closed, and it came later than the pipeline's `suspend_late_after` allows; recycling it bills it all the same.";
    CONFLICTING_KEY "conflicting_key" "Another record with the same dedup key and other content came first.";
    UNKNOWN_IDENTIFIER "unknown_identifier" "The identifier is in no row of the identifiers table.";
    IDENTIFIER_NOT_VALID "identifier_not_valid" "The identifier is known, but not at the record's time.";
    SUBSCRIPTION_NOT_ACTIVE "subscription_not_active" "The subscription (or every one of the account) is not active at the record's time.";
    NO_METER "no_meter" "No meter of the price book counts this record type.";
    NOT_IN_PLAN "not_in_plan" "The subscription's plan or product has no charge on a meter that counts this record type.";
    AMBIGUOUS_SUBSCRIPTION "ambiguous_subscription" "Several subscriptions of the account count the record.";
    NOT_MEASURABLE_HERE "not_measurable_here" "The record's source lacks a column that the meter needs.";
    NO_QUANTITY "no_quantity" "The meter's quantity is null or cannot be computed on the record; `detail` has the cause.";
    NO_PRICE "no_price" "A price of the subscription has no cell or prefix for the record; `detail` names the charge.";
}
