//! The provider's books as the generator knows them: accounts, subscriptions, identifiers, and what is planned to go wrong.
//! They are built before any usage, so that the fate of a record is looked up in the tables that are committed.

use std::collections::BTreeMap;

use super::clock::{PERIOD_END, PERIOD_START, date_text, midnight};
use super::customers::{CUSTOMERS, PLACES, Place, Tier};
use super::dice::Dice;

/// A row of the accounts table.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) parent: Option<usize>,
    pub(crate) level: &'static str,
    pub(crate) name: String,
    pub(crate) place: &'static Place,
    pub(crate) bill_to: String,
    pub(crate) segment: &'static str,
    pub(crate) exemptions: &'static str,
    pub(crate) discount: &'static str,
    pub(crate) slug: &'static str,
    pub(crate) tier: Tier,
}

/// A row of the subscriptions table; days are days of October 2026, half-open.
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) account: usize,
    pub(crate) plan: String,
    pub(crate) product: &'static str,
    pub(crate) quantity: i64,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// What an identifier points at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Subscription(usize),
    Account(usize),
}

/// A row of the identifiers table.
pub(crate) struct Identifier {
    pub(crate) text: String,
    pub(crate) holder: Holder,
    pub(crate) valid_from: String,
    pub(crate) valid_to: String,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// All of it.
#[derive(Default)]
pub(crate) struct Provider {
    pub(crate) accounts: Vec<Account>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) identifiers: Vec<Identifier>,
    by_text: BTreeMap<String, Vec<usize>>,
}

/// Moments far outside October, for open validity.
pub(crate) const LONG_AGO: i64 = 0;
/// The far end of an open validity.
pub(crate) const FOREVER: i64 = i64::MAX;

/// The record types each product has a meter for, as the price book in `rules/video` says.
const METERED: &[(&str, &[&str])] = &[
    ("video", &["video.call"]),
    ("recording", &["recording.finished", "recording.transcribed", "recording.sold"]),
    ("transfer", &["media.transfer"]),
    ("storage", &["media.storage"]),
    ("phone", &["media.pstn"]),
    ("devices", &["media.devices"]),
];

/// The products each plan includes, as `rules/video/plans.yaml` says.
fn products(plan: &str) -> &'static [&'static str] {
    match plan {
        "starter" => &["video"],
        "team" => &["video", "recording", "transfer"],
        "team_jpy" | "team_kwd" => &["video", "recording", "transfer", "storage"],
        "enterprise" => &["video", "recording", "transfer", "phone", "devices"],
        "enterprise_jpy" | "enterprise_kwd" => &["video", "recording", "transfer", "phone", "devices", "storage"],
        _ => &[],
    }
}

impl Subscription {
    /// Whether the plan or product has a charge for this record type.
    pub(crate) fn charges_for(&self, record_type: &str) -> bool {
        let own = [self.product];
        let sold: &[&str] = if self.plan.is_empty() { &own } else { products(&self.plan) };
        METERED.iter().any(|(product, types)| sold.contains(product) && types.contains(&record_type))
    }
}

impl Provider {
    /// Builds the books of one seed.
    pub(crate) fn build(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let mut provider = Self::default();
        provider.add_accounts();
        provider.add_subscriptions(&mut dice);
        provider.add_identifiers(&mut dice);
        provider.plan_trouble();
        for (row, identifier) in provider.identifiers.iter().enumerate() {
            provider.by_text.entry(identifier.text.clone()).or_default().push(row);
        }
        provider
    }

    /// Why a record finds no subscription, or `None` when it finds exactly one that is charged for it.
    pub(crate) fn unguided(&self, identifier: &str, at: i64, record_type: &str) -> Option<&'static str> {
        let Some(rows) = self.by_text.get(identifier) else { return Some("unknown_identifier") };
        let valid = |row: &&usize| (self.identifiers[**row].from..self.identifiers[**row].until).contains(&at);
        let Some(row) = rows.iter().find(valid) else { return Some("identifier_not_valid") };
        let holder = self.identifiers[*row].holder;
        let active = |(place, subscription): &(usize, &Subscription)| {
            let held = match holder {
                Holder::Subscription(index) => index == *place,
                Holder::Account(index) => index == subscription.account,
            };
            held && (subscription.from..subscription.until).contains(&at)
        };
        let active: Vec<_> = self.subscriptions.iter().enumerate().filter(active).collect();
        if active.is_empty() {
            return Some("subscription_not_active");
        }
        if !METERED.iter().any(|(_, types)| types.contains(&record_type)) {
            return Some("no_meter");
        }
        match active.iter().filter(|(_, subscription)| subscription.charges_for(record_type)).count() {
            0 => Some("not_in_plan"),
            1 => None,
            _ => Some("ambiguous_subscription"),
        }
    }

    fn add_accounts(&mut self) {
        for customer in CUSTOMERS {
            let root = self.accounts.len();
            self.push_account(None, "customer", customer.name, customer.place, customer.tier);
            let head = &mut self.accounts[root];
            (head.segment, head.exemptions) = (customer.segment, customer.exemptions);
            (head.discount, head.slug) = (customer.discount, customer.slug);
            for (name, place, tier, contacts) in customer.sites {
                let site = self.accounts.len();
                self.push_account(Some(root), "site", name, place, *tier);
                for contact in *contacts {
                    let cash = self.accounts[site].place.currency;
                    let tier = if matches!(cash, "JPY" | "KWD") { Tier::Holding } else { Tier::Starter };
                    self.push_account(Some(site), "contact", contact, place, tier);
                }
            }
        }
    }

    fn push_account(&mut self, parent: Option<usize>, level: &'static str, name: &str, place: &str, tier: Tier) {
        let id = format!("A{:04}", self.accounts.len() + 1);
        let place = PLACES.iter().find(|known| known.code == place).unwrap_or(&PLACES[0]);
        let above = parent.map(|index| &self.accounts[index]);
        let bill_to = match above {
            Some(above) if above.place.currency != place.currency => id.clone(),
            Some(above) => above.bill_to.clone(),
            None => String::new(),
        };
        let (segment, slug) = above.map_or(("", ""), |above| (above.segment, above.slug));
        let same_place = above.is_some_and(|above| above.place.country == place.country);
        let exemptions = above.filter(|_| same_place).map_or("", |above| above.exemptions);
        let discount = above.map_or("", |above| above.discount);
        let name = name.to_owned();
        self.accounts.push(Account {
            id,
            parent,
            level,
            name,
            place,
            bill_to,
            segment,
            exemptions,
            discount,
            slug,
            tier,
        });
    }

    fn add_subscriptions(&mut self, dice: &mut Dice) {
        for account in 0..self.accounts.len() {
            let currency = self.accounts[account].place.currency;
            let own = matches!(currency, "JPY" | "KWD");
            let suffix = if own { format!("_{}", currency.to_lowercase()) } else { String::new() };
            let (plan, seats) = match self.accounts[account].tier {
                Tier::Holding => continue,
                Tier::Starter => ("starter".to_owned(), 1),
                Tier::Team => (format!("team{suffix}"), dice.roll(5, 40)),
                Tier::Enterprise => (format!("enterprise{suffix}"), dice.roll(30, 240)),
            };
            let (small, large) = (plan.starts_with("team"), plan.starts_with("enterprise"));
            self.push_subscription(account, plan, "", seats);
            if large || (small && dice.chance(250)) {
                self.push_subscription(account, String::new(), "video", dice.roll(1, 6));
            }
            if !own && (large || (small && dice.chance(500))) {
                self.push_subscription(account, String::new(), "storage", 1);
            }
            if !own && small && dice.chance(400) {
                self.push_subscription(account, String::new(), "phone", dice.roll(1, 3));
            }
        }
        self.subscriptions.retain(|kept| kept.product != "video" || !self.accounts[kept.account].pays_by_own_list());
        for (place, subscription) in self.subscriptions.iter_mut().enumerate() {
            subscription.id = format!("S{:04}", place + 1);
        }
    }

    fn push_subscription(&mut self, account: usize, plan: String, product: &'static str, quantity: i64) {
        let count = self.subscriptions.len();
        let start = format!("{}-{:02}-01", 2023 + count % 4, 1 + count * 5 % 9);
        let end = if count % 6 == 5 { "2027-07-01".to_owned() } else { String::new() };
        let (from, until) = (LONG_AGO, FOREVER);
        let id = String::new();
        self.subscriptions.push(Subscription { id, account, plan, product, quantity, start, end, from, until });
    }

    fn add_identifiers(&mut self, dice: &mut Dice) {
        const WORDS: [&str; 12] = [
            "atrium", "harbor", "summit", "quarry", "meadow", "beacon", "cellar", "mill", "orchard", "ferry", "aspen",
            "gate",
        ];
        for index in 0..self.subscriptions.len() {
            let subscription = &self.subscriptions[index];
            let rooms = match (subscription.plan.as_str(), subscription.product) {
                ("starter", _) | ("", "video") => 1,
                ("", _) => 0,
                (plan, _) if plan.starts_with("team") => dice.roll(2, 3),
                _ => dice.roll(3, 6),
            };
            for _ in 0..rooms {
                let slug = self.accounts[self.subscriptions[index].account].slug;
                let text = format!("{slug}-{}-{:03}", dice.pick(&WORDS), self.identifiers.len() + 101);
                self.push_identifier(text, Holder::Subscription(index));
            }
        }
        for index in 0..self.accounts.len() {
            if matches!(self.accounts[index].tier, Tier::Team | Tier::Enterprise) {
                self.push_identifier(format!("tn-{:05}", 70_013 + 37 * index), Holder::Account(index));
            }
        }
    }

    fn push_identifier(&mut self, text: String, holder: Holder) {
        let valid_from = format!("{}-01-01", 2022 + self.identifiers.len() % 4);
        let (from, until) = (LONG_AGO, FOREVER);
        self.identifiers.push(Identifier { text, holder, valid_from, valid_to: String::new(), from, until });
    }

    /// Ends, starts and hands over things in the middle of the month, and leaves stale rows behind.
    fn plan_trouble(&mut self) {
        let teams = self.plans_of("team");
        let starters = self.plans_of("starter");
        for (place, day) in [(3, 9), (7, 16), (11, 20), (15, 26)] {
            self.end_on(teams[place], day);
        }
        self.end_on(starters[2], 13);
        for (place, day) in [(5, 5), (9, 12), (13, 14), (17, 19)] {
            self.start_on(teams[place], day);
        }
        self.start_on(starters[5], 22);
        let gone = starters[8];
        self.end_on(gone, -14);
        self.upgrade(teams[1], 15);
        self.enter_storage_twice();
        for (from, day, gap) in [(0, 12, 0), (4, 15, 1), (8, 18, 0), (12, 21, 2)] {
            self.hand_over(teams[from], day, gap);
        }
        self.expire_rooms(&[teams[16], teams[18], starters[0]]);
    }

    /// The positions of the subscriptions of one plan.
    pub(crate) fn plans_of(&self, plan: &str) -> Vec<usize> {
        (0..self.subscriptions.len()).filter(|index| self.subscriptions[*index].plan == plan).collect()
    }

    fn end_on(&mut self, index: usize, day: i64) {
        let subscription = &mut self.subscriptions[index];
        (subscription.end, subscription.until) = (date_text(day), midnight(day));
    }

    fn start_on(&mut self, index: usize, day: i64) {
        let subscription = &mut self.subscriptions[index];
        (subscription.start, subscription.from, subscription.end) = (date_text(day), midnight(day), String::new());
    }

    /// A team that moves to the enterprise plan: one subscription ends, another starts, the rooms go over.
    fn upgrade(&mut self, index: usize, day: i64) {
        self.end_on(index, day);
        let account = self.subscriptions[index].account;
        self.push_subscription(account, "enterprise".to_owned(), "", 60);
        let new = self.subscriptions.len() - 1;
        self.subscriptions[new].id = format!("S{:04}", new + 1);
        self.start_on(new, day);
        for row in self.rows_held_by(index) {
            self.split_row(row, Holder::Subscription(new), day, 0);
        }
    }

    /// An order that was entered twice: the tenant's storage records then fit two subscriptions.
    fn enter_storage_twice(&mut self) {
        let storage = |subscription: &Subscription| subscription.product == "storage";
        let Some(first) = self.subscriptions.iter().rposition(storage) else { return };
        let account = self.subscriptions[first].account;
        self.push_subscription(account, String::new(), "storage", 1);
        let new = self.subscriptions.len() - 1;
        self.subscriptions[new].id = format!("S{:04}", new + 1);
        self.start_on(new, 19);
    }

    /// A room that one office of a customer gives to another; with a gap, nobody has it for some days.
    fn hand_over(&mut self, from: usize, day: i64, gap: i64) {
        let slug = |index: usize| self.accounts[self.subscriptions[index].account].slug;
        let active =
            |index: usize| self.subscriptions[index].until == FOREVER && !self.subscriptions[index].plan.is_empty();
        let other = |index: &usize| *index != from && active(*index) && slug(*index) == slug(from);
        let to = (0..self.subscriptions.len()).find(other);
        if let (Some(row), Some(to)) = (self.rows_held_by(from).first().copied(), to) {
            self.split_row(row, Holder::Subscription(to), day, gap);
        }
    }

    fn split_row(&mut self, row: usize, to: Holder, day: i64, gap: i64) {
        let text = self.identifiers[row].text.clone();
        let old = &mut self.identifiers[row];
        (old.valid_to, old.until) = (date_text(day), midnight(day));
        self.push_identifier(text, to);
        if let Some(new) = self.identifiers.last_mut() {
            (new.valid_from, new.from) = (date_text(day + gap), midnight(day + gap));
        }
    }

    fn expire_rooms(&mut self, subscriptions: &[usize]) {
        for index in subscriptions {
            let slug = self.accounts[self.subscriptions[*index].account].slug;
            self.push_identifier(
                format!("{slug}-annex-{:03}", self.identifiers.len() + 101),
                Holder::Subscription(*index),
            );
            if let Some(new) = self.identifiers.last_mut() {
                (new.valid_to, new.until) = ("2026-08-31T18:00:00Z".to_owned(), PERIOD_START - 31 * super::clock::DAY);
            }
        }
    }

    fn rows_held_by(&self, index: usize) -> Vec<usize> {
        let held = |row: &usize| self.identifiers[*row].holder == Holder::Subscription(index);
        (0..self.identifiers.len()).filter(held).collect()
    }

    /// The part of the period in which a subscription is active and an identifier valid.
    pub(crate) fn usable(&self, subscription: usize, identifier: usize) -> (i64, i64) {
        let (sold, named) = (&self.subscriptions[subscription], &self.identifiers[identifier]);
        (sold.from.max(named.from).max(PERIOD_START), sold.until.min(named.until).min(PERIOD_END))
    }
}

impl Account {
    /// Whether the account's currency has a price list of its own.
    fn pays_by_own_list(&self) -> bool {
        matches!(self.place.currency, "JPY" | "KWD")
    }
}
