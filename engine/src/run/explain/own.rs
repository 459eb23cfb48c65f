//! A line's own part of the run, walked through again in memory: which prices were tried, who filled which tiers, what was
//! covered, and which files the records came from. It reads everything and writes nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::super::adjustments::Adjustments;
use super::super::batches::line_ids;
use super::super::decided::named_files;
use super::super::nights::Standing;
use super::super::pools::place_ref;
use super::super::rater::Rater;
use super::super::rating::Rated;
use super::super::recurring::{bounds, owed, priced};
use super::super::settle::{Usage, settle_all};
use super::super::witness::{Seen, Witness};
use super::super::{Decisions, Job, Prepared, RunOptions, intake, rating, taxation};
use super::discounts;
use super::made::{MadeOf, made_of};
use super::model::{
    AllowanceUse, AmountUse, BandUse, DiscountUse, Exact, ExchangeUse, FixedAmount, IntervalUse, PartUse, PortionUse,
    Rating, RoundingSteps, Row, SourceShare, StretchTerms, TriedPrice,
};
use super::rerate::{Again, fixed_amount, told};
use super::rows::instant;
use super::schedule::prorate_word;
use super::sum;
use super::terms::Terms;
use super::words::{base_word, mode_word};
use crate::book::model::{Aggregate, Model, Price};
use crate::catalog::Asked;
use crate::charge::Cube;
use crate::fault::{Fault, Outcome};
use crate::guide::Guide;
use crate::lines::{Band, Line, LineKind, Part, Portion};
use crate::meter::Cells;
use crate::money::Decimal;
use crate::rate::Facts;
use crate::read::InputFile;

/// What the run has to say of one line.
pub(super) struct Own {
    pub(super) tried: Vec<TriedPrice>,
    pub(super) price: Terms,
    pub(super) allowances: Option<AllowanceUse>,
    pub(super) amounts: Option<AmountUse>,
    pub(super) rating: Option<Rating>,
    pub(super) fixed: Option<FixedAmount>,
    pub(super) exchange: Option<ExchangeUse>,
    pub(super) made_of: Option<MadeOf>,
    pub(super) discounts: Vec<DiscountUse>,
    pub(super) rounding: RoundingSteps,
    pub(super) sources: Vec<SourceShare>,
    /// What the line comes to this time.
    pub(super) again: Again,
}

/// Walks through the run again; of each line (position in the table, row) what it has to say.
///
/// # Errors
/// Those of a run; our bug when a line comes out otherwise.
pub(super) async fn walk(
    prepared: &Prepared,
    (files, adjustments, decisions): (&[InputFile], &Adjustments, &Decisions),
    lines: &[(usize, Row)],
    options: &RunOptions,
) -> Outcome<Vec<Option<Own>>> {
    let sources = prepared.sources(files).await?;
    let guide = Guide::new(&prepared.book, &prepared.reference, &prepared.catalog, &prepared.asked_meters())?;
    let cells = Cells::default();
    let decided = decisions.said(named_files(&prepared.pipeline.sources, files));
    let job = prepared.job(&guide, files, &sources, &cells, (adjustments, &decided));
    let intakes = intake::take_in(&job, options, &options.file_order(files.len())).await?;
    let usage = settle_all(&job, intakes, Standing::default(), options.batch_rows).await?;
    let mut rated = rating::rate(&job, &usage.buckets)?;
    // What a tax service has answered changes no line.
    taxation::by_table(&job, &mut rated.lines)?;
    let ids = line_ids(&job, &rated.lines, &rated.groups);
    let cube = Cube::new(&usage.buckets, job.book, job.catalog, job.period, job.reference)?;
    let rater = Rater::new(&job, &cube);
    let mut witnesses: BTreeMap<u32, Witness> = BTreeMap::new();
    let mut own = Vec::with_capacity(lines.len());
    for (at, row) in lines {
        let id = ids.get(*at).map(|id| format!("{id:032x}"));
        let (Some(line), Some(id)) = (rated.lines.get(*at), id) else {
            return Err(Fault::ours("the committed line set has lines that the same facts do not give").into());
        };
        if row.get("line_id").and_then(Value::as_str) != Some(id.as_str()) {
            return Err(Fault::ours(format!("the same facts give line {id} in the place of another one")).into());
        }
        // How an adjustment came about, the closed period tells.
        if line.kind == LineKind::Adjustment {
            own.push(None);
            continue;
        }
        let unit = rater.circles.root(job.reference.subscriptions[line.subscription as usize].account);
        if let Entry::Vacant(place) = witnesses.entry(unit) {
            place.insert(rater.witnessed(unit)?);
        }
        let (billed, seen) = (&rated, witnesses[&unit].as_slice());
        let view = View { job: &job, rater: &rater, usage: &usage, billed, line, at: *at, seen };
        own.push(Some(view.own()?));
    }
    Ok(own)
}

/// Everything that one line is seen by.
pub(super) struct View<'v> {
    pub(super) job: &'v Job<'v>,
    rater: &'v Rater<'v>,
    usage: &'v Usage,
    pub(super) billed: &'v Rated,
    pub(super) line: &'v Line,
    /// Position of the line.
    at: usize,
    pub(super) seen: &'v [Seen],
}

impl View<'_> {
    fn own(&self) -> Outcome<Own> {
        let (job, line) = (self.job, self.line);
        let rating = self.rating()?;
        let discounts = discounts::told(job, &self.billed.discounting, self.at, line)?;
        let portions = rating.as_ref().map_or(&[][..], |rating| rating.portions.as_slice());
        let price = &job.catalog.prices[line.price as usize];
        let (allowances, fixed) = (self.allowances(), self.fixed());
        Ok(Own {
            tried: self.tried()?,
            price: Terms::of(price, place_ref(&price.place), portions),
            exchange: self.exchange(rating.as_ref(), allowances.as_ref(), fixed.as_ref()),
            allowances,
            amounts: self.amounts(),
            fixed,
            made_of: made_of(job, &self.billed.made, line)?,
            rounding: self.rounding(&discounts).ok_or_else(too_much)?,
            discounts,
            sources: self.sources().ok_or_else(too_much)?,
            again: Again {
                quantity: line.quantity,
                rated: line.rated,
                list: line.list,
                discount: line.discount,
                net: line.net,
                records: line.records,
            },
            rating,
        })
    }

    /// Position of the line's stretch.
    fn stretch(&self) -> u16 {
        self.line.stretch.saturating_sub(1)
    }

    /// Position of the line's charge in the offer of its subscription.
    fn nth(&self) -> Outcome<usize> {
        let charges = &self.job.catalog.offer(self.line.subscription).charges;
        let nth = charges.iter().position(|charge| *charge == self.line.charge as usize);
        Ok(nth.ok_or_else(|| Fault::ours("a line of a charge that is not offered"))?)
    }

    fn tried(&self) -> Outcome<Vec<TriedPrice>> {
        let job = self.job;
        if let Some(only) = super::made::tried(job, self.line) {
            return Ok(vec![only]);
        }
        let (subscription, charge) = (self.line.subscription, self.line.charge as usize);
        let day = job.period.day_of(self.line.service_start).map_or(job.period.first_day, |day| job.period.date(day));
        let asked = Asked { book: job.book, reference: job.reference, subscription, charge, day };
        let tried = job.catalog.tried(&asked, self.line.price);
        let told = |tried: crate::catalog::Tried| TriedPrice {
            layer: tried.layer,
            place: tried.place.as_ref().map(place_ref),
            applied: tried.applied,
            why: tried.why,
        };
        Ok(tried.into_iter().map(told).collect())
    }

    /// Whether a part of these portions is the line.
    pub(super) fn is_line(&self, portions: &[Portion], part: &Part) -> bool {
        let line = self.line;
        portions.get(part.portion).is_some_and(|portion| {
            (portion.subscription, portion.group, portion.stretch) == (line.subscription, line.group, self.stretch())
                && (part.band, part.quantity) == (line.band, line.quantity)
                && self.exchanged(part.amount) == Some(line.rated)
        })
    }

    /// An amount of the line's price in the currency of its account.
    fn exchanged(&self, amount: Decimal) -> Option<Decimal> {
        self.job.fx.rate(self.line.exchange).map_or(Some(amount), |rate| amount.times(rate))
    }

    fn exchange(
        &self,
        rating: Option<&Rating>,
        allowances: Option<&AllowanceUse>,
        fixed: Option<&FixedAmount>,
    ) -> Option<ExchangeUse> {
        let (pair, rate) = self.job.fx.exchange(self.line.exchange)?;
        let rate = rate?;
        let covered = || {
            let (draw, part) = allowances?.own?;
            Some(allowances?.draws.get(draw)?.covered.get(part)?.amount)
        };
        let rated = || rating.and_then(|rating| Some(rating.parts.get(rating.own)?.amount));
        let priced = fixed.and_then(fixed_amount).map(Exact).or_else(covered).or_else(rated);
        Some(ExchangeUse {
            from: pair.from.clone(),
            to: pair.to.clone(),
            rate: Exact(rate.rate),
            rate_date: rate.date.to_string(),
            inverse: rate.inverse,
            priced,
        })
    }

    /// The rating that has made the line; none for what no model has rated.
    fn rating(&self) -> Outcome<Option<Rating>> {
        let found = self.seen.iter().find_map(|seen| match seen {
            Seen::Rated { charge, terms, portions, parts } if *charge == self.line.charge as usize => {
                let own = parts.iter().position(|part| self.is_line(portions, part))?;
                Some((*terms, portions, parts, own))
            }
            _ => None,
        });
        let Some((terms, portions, parts, own)) = found else { return Ok(None) };
        let (job, stretches) = (self.job, &self.job.catalog.terms[terms as usize]);
        let price = |stretch: u16| &job.catalog.prices[stretches[usize::from(stretch)].price as usize];
        let told_portions: Vec<PortionUse> =
            portions.iter().map(|one| self.portion(one, &price(one.stretch).model)).collect();
        let told_parts: Vec<PartUse> =
            parts.iter().map(|part| told(part, &price(portions[part.portion].stretch).model)).collect();
        let stretch = |(number, stretch): (u16, &crate::catalog::Stretch)| StretchTerms {
            from: job.period.date(stretch.days.start).to_string(),
            to: job.period.date(stretch.days.end).to_string(),
            terms: Terms::of(price(number), place_ref(&price(number).place), &told_portions),
        };
        let mut shared_by: Vec<String> = Vec::new();
        for portion in &told_portions {
            if !shared_by.contains(&portion.subscription) {
                shared_by.push(portion.subscription.clone());
            }
        }
        let bands = bands(&told_parts).ok_or_else(too_much)?;
        let stretches = (0..).zip(stretches).map(stretch).collect();
        Ok(Some(Rating { stretches, shared_by, bands, own, parts: told_parts, portions: told_portions }))
    }

    pub(super) fn portion(&self, portion: &Portion, model: &Model) -> PortionUse {
        let values = self.rater.values(portion.group).iter();
        let looked_up = match model {
            Model::Prefix { by, .. } => self.rater.text(portion.cell, by).map(str::to_owned),
            _ => None,
        };
        PortionUse {
            subscription: self.job.reference.subscriptions[portion.subscription as usize].id.clone(),
            dimensions: values.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            looked_up,
            stretch: portion.stretch,
            time: instant(portion.time),
            time_micros: portion.time,
            quantity: Exact(portion.quantity),
            records: portion.records,
        }
    }

    fn fixed(&self) -> Option<FixedAmount> {
        let (job, line) = (self.job, self.line);
        let model = &job.catalog.prices[line.price as usize].model;
        let (Model::Recurring { amount, .. } | Model::OneTime { amount }) = model else { return None };
        let nth = self.nth().ok()?;
        let stretches = &job.catalog.terms[job.catalog.terms_of(line.subscription, nth) as usize];
        let prices: Vec<&Price> = stretches.iter().map(|one| &job.catalog.prices[one.price as usize]).collect();
        let all = owed(job, (line.subscription, line.charge as usize), &priced(job.period, stretches, &prices)).ok()?;
        let own = all.iter().find(|fixed| {
            let same = (fixed.credit, fixed.stretch) == (line.kind == LineKind::Credit, self.stretch());
            same && bounds(job, fixed).is_ok_and(|bounds| bounds == (line.service_start, line.service_end))
        })?;
        Some(FixedAmount {
            amount: Exact(*amount),
            quantity: Exact(line.quantity),
            part: own.share.part,
            of: own.share.of,
            interval: own.of.map(|(interval, prorate)| IntervalUse {
                from: interval.start.to_string(),
                to: interval.end.to_string(),
                prorate: prorate_word(prorate).to_owned(),
            }),
            credit: own.credit,
        })
    }

    fn rounding(&self, discounts: &[DiscountUse]) -> Option<RoundingSteps> {
        let (job, line, rounding) = (self.job, self.line, self.job.book.rounding);
        let of_line = discounts.iter().filter(|one| one.level == "line").map(|one| one.off.0);
        Some(RoundingSteps {
            rated: Exact(line.rated),
            digits: self.rater.digits_of(line),
            mode: mode_word(rounding.mode).to_owned(),
            discount_base: base_word(job.book.rounding.discount_base).to_owned(),
            list: Exact(line.list),
            discount_unrounded: sum(of_line)?,
            discount: Exact(line.discount),
            tax: match (&job.pipeline.tax_exchange, job.book.tax.by_invoice) {
                (Some(_), _) => "service",
                (None, true) => "invoice",
                (None, false) => "line",
            }
            .to_owned(),
            tax_included: Exact(line.list.minus(line.discount)?.minus(line.net)?),
            net: Exact(line.net),
        })
    }

    /// The files of the records behind the line: of its subscription, meter, dimension values and days.
    fn sources(&self) -> Option<Vec<SourceShare>> {
        let (job, line, records) = (self.job, self.line, &self.usage.buckets.singles);
        let bound = matches!(line.band, Band::Minimum | Band::Maximum);
        let meter = job.book.charges[line.charge as usize].meter.filter(|_| !bound);
        let Some(number) = meter else { return Some(Vec::new()) };
        let meter = &job.book.meters[number];
        let own = records.subscription.partition_point(|other| *other < line.subscription)
            ..records.subscription.partition_point(|other| *other <= line.subscription);
        let days = self.days();
        let mut shares: BTreeMap<usize, (u64, Decimal)> = BTreeMap::new();
        for row in own {
            let cell = &records.cells[records.cell[row] as usize];
            let fits = |(name, value): &(std::sync::Arc<str>, std::sync::Arc<str>)| {
                let at = meter.dimensions.iter().position(|known| **known == **name);
                at.and_then(|at| cell.values.get(at)) == Some(value)
            };
            if cell.meter as usize != number
                || !days.contains(&records.time[row])
                || !self.rater.values(line.group).iter().all(fits)
            {
                continue;
            }
            let share = shares.entry(records.origin[row].file()).or_default();
            *share = (share.0 + 1, share.1.plus(Decimal::from_units(records.quantity[row]))?);
        }
        let additive = matches!(meter.aggregate, Aggregate::Sum | Aggregate::Count);
        let told = |(file, (records, quantity)): (usize, (u64, Decimal))| SourceShare {
            source: job.pipeline.sources[job.files[file].source].name.clone(),
            file: job.files[file].name.clone(),
            records,
            quantity: additive.then_some(Exact(quantity)),
        };
        Some(shares.into_iter().map(told).collect())
    }

    fn days(&self) -> std::ops::Range<i64> {
        self.line.service_start..self.line.service_end
    }
}

fn too_much() -> Fault {
    Fault::ours("a sum of an explanation does not fit")
}

/// Quantity and amount of each band, in order of their first part.
fn bands(parts: &[PartUse]) -> Option<Vec<BandUse>> {
    let mut tiers: Vec<&str> = Vec::new();
    for part in parts {
        if !tiers.contains(&part.tier.as_str()) {
            tiers.push(&part.tier);
        }
    }
    let band = |tier: &&str| {
        let own = || parts.iter().filter(|part| part.tier == *tier);
        let quantity = sum(own().map(|part| part.quantity.0))?;
        Some(BandUse { tier: (*tier).to_owned(), quantity, amount: sum(own().map(|part| part.amount.0))? })
    };
    tiers.iter().map(band).collect()
}
