//! Everything that can be checked before usage is read: pipeline, book, reference data and rules, all faults at once.

use arrow::datatypes::SchemaRef;

use super::account_bounds::Holds;
use super::adjustments::Adjustments;
use super::committed::Groups;
use super::conditions::{Conditions, Known, asked, condition_names};
use super::deferred::{Computations, circular, ordered};
use super::recurring::recall;
use super::subjects::{bucket_schema, formula_names};
use super::{Decided, Decisions, Job, SourceRules, layers};
use crate::book::Spoken;
use crate::book::SqlOfPrice;
use crate::book::model::{Meter, Model, PriceBook};
use crate::catalog::{self, Catalog};
use crate::credit;
use crate::discount::Discounts;
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};
use crate::fx::Fx;
use crate::guide::Guide;
use crate::mediate::Mediator;
use crate::meter::{Cells, Gauges};
use crate::period::Period;
use crate::pipeline::model::{Pipeline, Source};
use crate::read::{self, InputFile};
use crate::reference::model::Reference;
use crate::rules::{Needed, Rules, SubjectExpression, Want};
use crate::{book, pipeline, reference};

/// A pipeline with everything it names, checked.
#[derive(Debug)]
pub struct Prepared {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The period.
    pub period: Period,
    /// The price book.
    pub book: PriceBook,
    /// The reference data.
    pub reference: Reference,
    /// Book and reference data joined.
    pub catalog: Catalog,
    /// The exchange rates that the subscriptions need.
    pub fx: Fx,
    /// The discounts with every account's percentage.
    pub discounts: Discounts,
    /// Who holds which commitments.
    groups: Groups,
    /// For whom the bounds of accounts hold.
    account_bounds: Holds,
    /// The SQL of prices, compiled.
    computations: Computations,
    /// The conditions that are asked while it is rated, compiled.
    conditions: Conditions,
}

/// Loads and checks the pipeline file at `path` for the period labelled `label`.
///
/// # Errors
/// Every fault of pipeline, book, reference data and rules.
pub async fn prepare(path: &str, label: &str, env: &(dyn Fn(&str) -> Option<String> + Sync)) -> Outcome<Prepared> {
    prepare_with_book(path, label, env, None).await
}

/// The same with another price book than the pipeline's, at this path or URL.
///
/// # Errors
/// Those of [`prepare`].
pub async fn prepare_with_book(
    path: &str,
    label: &str,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    book: Option<&str>,
) -> Outcome<Prepared> {
    let prepared = check_all(path, label, env, book).await;
    // In the order of the user's files, whoever found them.
    prepared.map_err(|mut faults| {
        faults.sort();
        faults
    })
}

async fn check_all(
    path: &str,
    label: &str,
    env: &(dyn Fn(&str) -> Option<String> + Sync),
    book: Option<&str>,
) -> Outcome<Prepared> {
    let (pipeline, mut faults) = pipeline::draft(path, env).await;
    let Some(mut pipeline) = pipeline else {
        faults.keep(Period::month(label, chrono_tz::UTC));
        return Err(faults);
    };
    if let Some(book) = book {
        pipeline.book = Located { text: book.to_owned(), place: Place::file(book) };
    }
    let period = faults.keep(Period::month(label, pipeline.timezone));
    let (book, reference) =
        tokio::join!(book::draft(&pipeline.book), reference::load(&pipeline.reference, pipeline.timezone));
    tracing::info!("book and reference data read");
    faults.keep(check_rules(&pipeline, &book.meters));
    if let (Err(_), Ok(reference)) = (&book.book, &reference) {
        faults.keep(catalog::check_accounts(&book.overrides, reference));
        faults.keep(check_spoken(&book.spoken, reference));
    }
    let (book, reference) = (faults.keep(book.book), faults.keep(reference));
    let (Some(period), Some(book), Some(reference)) = (period, book, reference) else { return Err(faults) };
    let applies = faults.keep(layers::applies(&book, &reference, &period));
    // Prices are checked even under conditions that cannot be: then as if they held for everybody.
    let applies = applies.unwrap_or_default();
    let mut catalog = faults.keep(Catalog::new(&book, &reference, &period, &applies));
    if let Some(catalog) = &mut catalog {
        faults.keep(recall(&book, &reference, &period, &applies, catalog));
    }
    faults.keep(credit::check(&reference, &book));
    let discounts = faults.keep(Discounts::new(&book.discounts, book.rounding.discount_order, &reference));
    let account_bounds = faults.keep(layers::account_bounds(&book, &reference, &period));
    let (Some(catalog), Some(discounts)) = (catalog, discounts) else { return Err(faults) };
    let fx = faults.keep(Fx::new(&book, &reference, &catalog, &period));
    let computations = faults.keep(computations(&book, &reference, &catalog));
    let groups = faults.keep(Groups::new(&book, &reference, &catalog, &period));
    let conditions = faults.keep(Conditions::compile(&reference, &ids(&book), asked(&book, &catalog)));
    let (Some(fx), Some(computations), Some(conditions)) = (fx, computations, conditions) else { return Err(faults) };
    let (Some(groups), Some(account_bounds)) = (groups, account_bounds) else { return Err(faults) };
    faults.or(Prepared {
        pipeline,
        period,
        book,
        reference,
        catalog,
        fx,
        discounts,
        groups,
        account_bounds,
        computations,
        conditions,
    })
}

/// Compiles the formula or query of every price that has one.
fn computations(book: &PriceBook, reference: &Reference, catalog: &Catalog) -> Outcome<Computations> {
    let rules = Rules::new()?;
    let (mut faults, mut computations) = (Faults::default(), Computations::default());
    let names = formula_names(reference, ids(book));
    // Prices that nobody has yet are checked too.
    for SqlOfPrice { charge, is_query, sql } in book.sql_of_prices() {
        match book.charges[charge].meter.filter(|_| is_query) {
            Some(meter) => drop(faults.keep(rules.query(&sql, &bucket_schema(&book.meters[meter].dimensions)))),
            None => drop(faults.keep(rules.subject_expression(&sql, &names, Want::Quantity))),
        }
    }
    for (number, price) in (0_u32..).zip(&catalog.prices) {
        match &price.model {
            Model::Formula { sql } => {
                let compiled = faults.keep(rules.subject_expression(sql, &names, Want::Quantity));
                computations.formulas.extend(compiled.map(|compiled| (number, compiled)));
            }
            Model::Sql { sql } => {
                let Some(meter) = book.charges[catalog.charge_of[number as usize]].meter else { continue };
                let compiled = faults.keep(rules.query(sql, &bucket_schema(&book.meters[meter].dimensions)));
                computations.queries.extend(compiled.map(|compiled| (number, compiled)));
            }
            _ => {}
        }
    }
    faults.keep(computations.order(book, catalog));
    faults.sort();
    faults.or(computations)
}

/// The ids of meters, charges and products.
pub(super) fn ids(book: &PriceBook) -> [Vec<String>; 3] {
    [
        book.meters.iter().map(|meter| meter.id.clone()).collect(),
        book.charges.iter().filter(|one| !one.price.model.is_derived()).map(|one| one.id.clone()).collect(),
        book.products.iter().map(|product| product.id.clone()).collect(),
    ]
}

/// Checks the SQL of a book that has faults elsewhere, by what it declares.
fn check_spoken(spoken: &Spoken, reference: &Reference) -> Outcome<()> {
    let rules = Rules::new()?;
    let mut faults = Faults::default();
    let ids = [spoken.meters.clone(), spoken.charges.clone(), spoken.products.clone()];
    let names = formula_names(reference, ids);
    let mut asked: Vec<Vec<usize>> = vec![Vec::new(); spoken.charges.len()];
    let position = |id: &String| spoken.charges.iter().position(|known| known == id);
    for (charge, formula) in &spoken.formulas {
        let compiled = faults.keep(rules.subject_expression(formula, &names, Want::Quantity));
        let needs = compiled.iter().flat_map(SubjectExpression::needs);
        let amounts = needs.filter_map(|needed| if let Needed::Amount(id) = needed { position(id) } else { None });
        if let Some(at) = position(charge) {
            asked[at].extend(amounts);
        }
    }
    if let Err(stuck) = ordered(&asked) {
        let of = spoken.formulas.iter().find(|(charge, _)| position(charge) == Some(stuck));
        faults.0.extend(of.map(|(charge, formula)| circular(charge, &formula.place)));
    }
    for (dimensions, query) in &spoken.queries {
        faults.keep(rules.query(query, &bucket_schema(dimensions)));
    }
    let ids = [spoken.meters.clone(), spoken.charges.clone(), spoken.products.clone()];
    for (known, conditions) in
        [(Known::Products, &spoken.conditions), (Known::Usage, &spoken.fees), (Known::Amounts, &spoken.discounts)]
    {
        let names = condition_names(reference, ids.clone(), known);
        for condition in conditions {
            faults.keep(rules.subject_expression(condition, &names, Want::Predicate));
        }
    }
    faults.sort();
    faults.or(())
}

/// Plans every rule over the declared columns, before any usage file is looked at.
fn check_rules(pipeline: &Pipeline, meters: &[Meter]) -> Outcome<()> {
    let rules = Rules::new()?;
    let mut faults = Faults::default();
    let mut of_meters: Vec<Vec<Option<Faults>>> = Vec::new();
    for source in &pipeline.sources {
        let compiled = read::input_schema(source, None).and_then(|input| compile(&rules, source, meters, input));
        let Some((_, unmeasured)) = faults.keep(compiled) else { continue };
        of_meters.push(unmeasured);
    }
    if of_meters.len() == pipeline.sources.len() {
        // A meter that some source can measure is fine: the others simply do not carry its records.
        for index in 0..meters.len() {
            let own: Option<Vec<&Faults>> = of_meters.iter().map(|faults| faults[index].as_ref()).collect();
            if let Some(own) = own.filter(|own| !own.is_empty()) {
                faults.0.extend(unmeasured(&own, &pipeline.sources));
            }
        }
    }
    faults.or(())
}

/// What keeps every source from measuring a meter: of the first that has something else against it than a column it does
/// not have, that; otherwise the column that none has.
fn unmeasured(own: &[&Faults], sources: &[Source]) -> Vec<Fault> {
    let lacks = |faults: &Faults| faults.0.iter().any(|fault| fault.message.contains("no column `"));
    let faults = own.iter().find(|faults| !lacks(faults)).or(own.first()).map(|faults| faults.0.clone());
    let mut faults = faults.unwrap_or_default();
    // With one source its columns, or the one that was meant, are the better hint.
    if sources.len() > 1 {
        for fault in &mut faults {
            let Some((_, column)) = fault.message.split_once("no column `") else { continue };
            let column = column.split('`').next().unwrap_or_default();
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            fault.message = format!("no source of the pipeline returns the column `{column}`");
            let near = fault.hint.take().filter(|hint| hint.starts_with("did you mean"));
            let hint = format!("the sources are {}: one of their SELECTs must return it", names.join(", "));
            fault.hint = Some(near.map_or(hint.clone(), |near| format!("{near} {hint}")));
        }
    }
    faults
}

type Compiled = (SourceRules, Vec<Option<Faults>>);

fn compile(rules: &Rules, source: &Source, meters: &[Meter], input: SchemaRef) -> Outcome<Compiled> {
    let mut faults = Faults::default();
    let Some(mediator) = faults.keep(Mediator::new(rules, source, &input)) else { return Err(faults) };
    for key in &source.dedup_key {
        if mediator.schema().index_of(&key.text).is_err() {
            faults.push(unknown_key(key, &source.name));
        }
    }
    let (gauges, unmeasured) = Gauges::new(rules, meters, mediator.schema());
    let dedup_key = source.dedup_key.iter().map(|key| key.text.clone()).collect();
    faults.or((SourceRules { input, mediator, gauges, dedup_key }, unmeasured))
}

fn unknown_key(key: &Located, source: &str) -> Fault {
    let message = format!("source `{source}`: the dedup key `{}` is no column of the mediation SELECT", key.text);
    Fault::new(&codes::B003, message).at(&key.place)
}

impl Prepared {
    /// The run's id: a hash of everything that decides its result (DESIGN section 1, "A run is a value"), and of nothing
    /// else: not of where files lie, in which order they are read, or with how many workers. `first_number` is that of
    /// the first invoice, when invoices are numbered; `adjustments` are the digests of what is billed of closed periods,
    /// and `decisions` what was decided of records in suspense.
    #[must_use]
    pub(crate) fn run_id<'a>(
        &self,
        files: &[InputFile],
        first_number: Option<u64>,
        adjustments: impl IntoIterator<Item = &'a str>,
        decisions: &Decisions,
    ) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(env!("CARGO_PKG_VERSION"));
        // The manifest holds the pipeline's name, and `price_ref` the base name of the overrides' file; the base names of
        // the book's files are in its digest.
        add(&self.pipeline.name);
        let overrides = self.pipeline.reference.price_overrides.as_ref();
        add(overrides.and_then(|path| path.text.rsplit('/').next()).unwrap_or_default());
        for text in [&self.period.label, &self.pipeline.digest, &self.book.digest, &self.reference.digest] {
            add(text);
        }
        if let Some(number) = first_number {
            add(&format!("invoices from {number}"));
        }
        for (what, digest) in adjustments
            .into_iter()
            .map(|digest| ("adjustments", digest))
            .chain(decisions.digests().map(|digest| ("decision", digest)))
            .chain(decisions.held().map(|digest| ("held", digest)))
        {
            add(what);
            add(digest);
        }
        for file in files {
            add(&self.pipeline.sources[file.source].name);
            add(&file.name);
            add(&file.size.to_string());
            add(&file.digest);
            if let Some(instant) = file.late_before {
                add(&format!("late before {instant}"));
            }
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes))
    }

    /// The rules of every source, compiled for the columns its files really have.
    ///
    /// # Errors
    /// Faults of the rules, or of a source's first file.
    pub(crate) async fn sources(&self, files: &[InputFile]) -> Outcome<Vec<SourceRules>> {
        let rules = Rules::new()?;
        let mut sources = Vec::new();
        for (index, source) in self.pipeline.sources.iter().enumerate() {
            // Of what an earlier night has read nothing is opened.
            let first = match files.iter().find(|file| file.source == index && !file.known && file.here) {
                Some(file) => Some(file.location.read().await?),
                None => None,
            };
            let input = read::input_schema(source, first.as_ref())?;
            sources.push(compile(&rules, source, &self.book.meters, input)?.0);
        }
        Ok(sources)
    }

    /// By charge: the meters that its formulas ask for.
    pub(crate) fn asked_meters(&self) -> Vec<Vec<usize>> {
        self.computations.asked_meters(&self.book, &self.catalog)
    }

    pub(crate) fn job<'j>(
        &'j self,
        guide: &'j Guide<'j>,
        files: &'j [InputFile],
        sources: &'j [SourceRules],
        cells: &'j Cells,
        (adjustments, decided): (&'j Adjustments, &'j Decided),
    ) -> Job<'j> {
        let Self { pipeline, period, book, reference, catalog, fx, discounts, .. } = self;
        let Self { groups, account_bounds, computations, conditions, .. } = self;
        Job {
            pipeline,
            period,
            book,
            reference,
            catalog,
            fx,
            discounts,
            groups,
            account_bounds,
            computations,
            conditions,
            guide,
            files,
            sources,
            cells,
            adjustments,
            decided,
        }
    }
}
