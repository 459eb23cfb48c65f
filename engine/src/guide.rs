//! Guiding: which subscription a record belongs to, and which meters count it there.
//!
//! A meter counts a record only for subscriptions that have a charge on that meter. Guiding looks things up; it computes
//! no quantity, and it never guesses: two candidates are one too many.

use arrow::array::RecordBatch;
use hashbrown::HashMap;

use crate::book::model::PriceBook;
use crate::catalog::Catalog;
use crate::columns::Texts;
use crate::fault::{Fault, Outcome};
use crate::reference::model::{Holder, Index, Reference, Target};
use crate::usage::reasons;

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guided {
    /// To this subscription, where the meters of this route count it.
    To {
        /// Subscription index.
        subscription: Index,
        /// Number of the list of meters: see [`Guide::meters`].
        route: u16,
    },
    /// Nowhere.
    Nowhere(Unguided),
}

/// Why a record belongs nowhere; the suspense reason is [`Unguided::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unguided {
    /// The identifier is in no row of the identifiers table.
    UnknownIdentifier,
    /// The identifier is known, but not at the record's time.
    IdentifierNotValid,
    /// The subscription (or every one of the account) is not active at the record's time.
    SubscriptionNotActive,
    /// No meter of the book counts this record type.
    NoMeter,
    /// The subscription's plan or product has no charge on a meter that counts this record type.
    NotInPlan,
    /// Several subscriptions of the account count it.
    AmbiguousSubscription,
}

impl Unguided {
    /// The stable suspense reason.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownIdentifier => reasons::UNKNOWN_IDENTIFIER,
            Self::IdentifierNotValid => reasons::IDENTIFIER_NOT_VALID,
            Self::SubscriptionNotActive => reasons::SUBSCRIPTION_NOT_ACTIVE,
            Self::NoMeter => reasons::NO_METER,
            Self::NotInPlan => reasons::NOT_IN_PLAN,
            Self::AmbiguousSubscription => reasons::AMBIGUOUS_SUBSCRIPTION,
        }
    }

    /// The mediated column to look at.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::NoMeter | Self::NotInPlan => "record_type",
            _ => "identifier",
        }
    }
}

const NO_TYPE: u16 = u16::MAX;
const NO_ROUTE: u16 = u16::MAX;

/// What guiding asks of a subscription, close together: usage meets subscriptions in no order.
#[derive(Debug)]
struct Served {
    starts_at: i64,
    ends_at: i64,
    offer: u32,
    /// Later versions of it, in the rows behind.
    later: u32,
}

/// The compiled guide of a run.
#[derive(Debug)]
pub struct Guide<'a> {
    reference: &'a Reference,
    /// By subscription.
    served: Vec<Served>,
    record_types: HashMap<&'a str, u16>,
    /// Route by offer and record type.
    routes: Vec<u16>,
    meters: Vec<Vec<usize>>,
}

impl<'a> Guide<'a> {
    /// Compiles which offer counts which record type in which meters; `asked` has by charge the meters that its formulas
    /// ask for, which count as if the charge were on them too.
    ///
    /// # Errors
    /// Our bug when there are more than 65,000 record types or routes.
    pub fn new(
        book: &'a PriceBook,
        reference: &'a Reference,
        catalog: &'a Catalog,
        asked: &[Vec<usize>],
    ) -> Outcome<Self> {
        let crowded = |_| Fault::ours("more than 65,000 record types or routes");
        let mut record_types: HashMap<&str, u16> = HashMap::new();
        for name in book.meters.iter().flat_map(|meter| &meter.record_types) {
            let next = u16::try_from(record_types.len()).map_err(crowded)?;
            record_types.entry(name).or_insert(next);
        }
        let mut counted_by: Vec<Vec<usize>> = vec![Vec::new(); record_types.len()];
        for (index, meter) in book.meters.iter().enumerate() {
            for name in &meter.record_types {
                counted_by[usize::from(record_types[name.as_str()])].push(index);
            }
        }
        let (mut meters, mut known): (Vec<Vec<usize>>, HashMap<Vec<usize>, u16>) = (Vec::new(), HashMap::new());
        let mut routes = Vec::with_capacity(catalog.offers.len() * counted_by.len());
        for offer in &catalog.offers {
            let mut charged: Vec<usize> = offer.charges.iter().filter_map(|c| book.charges[*c].meter).collect();
            charged.extend(offer.charges.iter().flat_map(|charge| asked.get(*charge).into_iter().flatten()));
            charged.sort_unstable();
            for counting in &counted_by {
                let mut route: Vec<usize> =
                    counting.iter().copied().filter(|meter| charged.binary_search(meter).is_ok()).collect();
                route.dedup();
                if route.is_empty() {
                    routes.push(NO_ROUTE);
                    continue;
                }
                let next = u16::try_from(meters.len()).map_err(crowded)?;
                let number = *known.entry(route.clone()).or_insert(next);
                if number == next {
                    meters.push(route);
                }
                routes.push(number);
            }
        }
        let served = reference.subscriptions.iter().zip(&catalog.offer_of);
        let served = (0_u32..).zip(served).map(|(at, (row, offer))| {
            let (starts_at, ends_at, later) = (row.starts_at, row.ends_at, row.last.saturating_sub(at));
            Served { starts_at, ends_at, offer: *offer, later }
        });
        Ok(Self { reference, served: served.collect(), record_types, routes, meters })
    }

    /// Says everything that guiding is decided by to `add`: two guides that say the same guide every record alike.
    pub fn digest(&self, book: &PriceBook, mut add: impl FnMut(&str)) {
        let mut record_types: Vec<(&str, u16)> = self.record_types.iter().map(|(name, at)| (*name, *at)).collect();
        record_types.sort_unstable();
        for (row, served) in self.reference.subscriptions.iter().zip(&self.served) {
            add(&row.id);
            add(&self.reference.accounts[row.account as usize].id);
            add(&format!("{} {} {}", served.starts_at, served.ends_at, served.later));
            for (name, kind) in &record_types {
                let route = self.routes[served.offer as usize * self.record_types.len() + usize::from(*kind)];
                for meter in self.meters(route) {
                    add(name);
                    add(&book.meters[*meter].id);
                }
            }
        }
        for (text, targets) in self.reference.identifiers.iter() {
            add(text);
            for target in targets {
                let holder = match target.holder {
                    Holder::Subscription(index) => &self.reference.subscriptions[index as usize].id,
                    Holder::Account(index) => &self.reference.accounts[index as usize].id,
                };
                add(&format!("{} {}", target.from, target.to));
                add(holder);
            }
        }
    }

    /// The meter indices of a route, ascending.
    #[must_use]
    pub fn meters(&self, route: u16) -> &[usize] {
        self.meters.get(usize::from(route)).map_or(&[], Vec::as_slice)
    }

    /// Guides every row of a mediated batch at the given record times.
    ///
    /// # Errors
    /// Our bug when a required column is missing.
    pub fn guide(&self, records: &RecordBatch, times: &[i64]) -> Outcome<Vec<Guided>> {
        let missing = || Fault::ours("guiding needs identifier and record_type");
        let identifiers = records.column_by_name("identifier").and_then(Texts::of).ok_or_else(missing)?;
        let record_types = records.column_by_name("record_type").and_then(Texts::of).ok_or_else(missing)?;
        let targets = identifiers.map_all(None, |texts| self.reference.identifiers.get_all(texts));
        let types = record_types.map(NO_TYPE, |text| self.record_types.get(text).copied().unwrap_or(NO_TYPE));
        let rows = targets.iter().zip(&types).zip(times);
        Ok(rows.map(|((targets, kind), time)| self.one(*targets, *kind, *time)).collect())
    }

    fn one(&self, targets: Option<&[Target]>, kind: u16, time: i64) -> Guided {
        if kind == NO_TYPE {
            return Guided::Nowhere(Unguided::NoMeter);
        }
        let Some(targets) = targets else { return Guided::Nowhere(Unguided::UnknownIdentifier) };
        let Some(target) = targets.iter().find(|target| target.from <= time && time < target.to) else {
            return Guided::Nowhere(Unguided::IdentifierNotValid);
        };
        match target.holder {
            Holder::Subscription(subscription) => self.at_subscription(self.version(subscription, time), kind, time),
            Holder::Account(account) => self.at_account(account, kind, time),
        }
    }

    /// The version of a subscription (its first one) that holds at `time`; the last one begun before when none does.
    fn version(&self, first: Index, time: i64) -> Index {
        let Served { ends_at, later, .. } = self.served[first as usize];
        if later == 0 || time < ends_at {
            return first;
        }
        let versions = &self.served[first as usize..=(first + later) as usize];
        let begun = versions.partition_point(|version| version.starts_at <= time);
        first + u32::try_from(begun.saturating_sub(1)).unwrap_or_default()
    }

    fn at_subscription(&self, subscription: Index, kind: u16, time: i64) -> Guided {
        let served = &self.served[subscription as usize];
        if time < served.starts_at || time >= served.ends_at {
            return Guided::Nowhere(Unguided::SubscriptionNotActive);
        }
        match self.routes[served.offer as usize * self.record_types.len() + usize::from(kind)] {
            NO_ROUTE => Guided::Nowhere(Unguided::NotInPlan),
            route => Guided::To { subscription, route },
        }
    }

    /// The one active subscription of `account` that counts the record.
    fn at_account(&self, account: Index, kind: u16, time: i64) -> Guided {
        let mut best = Guided::Nowhere(Unguided::SubscriptionNotActive);
        for subscription in &self.reference.subscriptions_of[account as usize] {
            match (self.at_subscription(*subscription, kind, time), best) {
                (Guided::To { .. }, Guided::To { .. }) => return Guided::Nowhere(Unguided::AmbiguousSubscription),
                (guided @ Guided::To { .. }, _) => best = guided,
                (Guided::Nowhere(Unguided::NotInPlan), Guided::Nowhere(_)) => {
                    best = Guided::Nowhere(Unguided::NotInPlan)
                }
                _ => {}
            }
        }
        best
    }
}
