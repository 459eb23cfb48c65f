//! Every fault code, in one table: stable, so that documents and support can cite them.
//!
//! Letters: Y shape of a YAML file · P pipeline · B price book · E expressions and rule SQL · R reference data · U usage
//! files · G gates of a run · O output store · T rule tests · X Ratemill itself. Reasons of suspended records are not
//! fault codes.

use super::{Blame, Code};

macro_rules! codes {
    ($($id:ident $blame:ident $meaning:literal;)*) => {
        $(#[doc = $meaning] pub static $id: Code = Code { id: stringify!($id), blame: Blame::$blame, meaning: $meaning };)*
        /// All codes in order.
        pub static ALL: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    Y001 Rules "The file is not well-formed YAML.";
    Y002 Rules "A key stands twice in one mapping.";
    Y003 Rules "An anchor or alias: write the value out, or use a price layer.";
    Y004 Rules "An unknown key.";
    Y005 Rules "A required key is missing.";
    Y006 Rules "The value is of another kind than this key takes.";
    Y007 Rules "The file cannot be found or read.";
    P001 Rules "A name, path or environment variable of the pipeline cannot be used.";
    P002 Rules "Unknown time zone.";
    P003 Rules "The period is not written as YYYY-MM.";
    P004 Rules "The schema of a source is not valid.";
    P005 Rules "The pattern of invoice numbers cannot be used.";
    B001 Rules "A number that is not exact or not in range.";
    B002 Rules "An id is declared twice.";
    B003 Rules "A reference to something that does not exist.";
    B004 Rules "Tiers out of order, overlapping, or without an open last tier.";
    B005 Rules "A key that this charge model or aggregate does not take, or a missing one.";
    B006 Rules "A price table that cannot be read.";
    B007 Rules "A dimension the meter does not have.";
    B008 Rules "Cells that overlap.";
    B010 Rules "The currency of an account does not fit the book or plan.";
    B011 Rules "An allowance on a meter that no charge of the plan adds up.";
    B013 Rules "Amounts that depend on themselves.";
    B014 Rules "Days of a price that overlap, leave a gap, or end before they begin.";
    E001 Rules "The SQL cannot be parsed or planned.";
    E002 Rules "The SQL is more than one plain SELECT over the registered table.";
    E003 Rules "A function that rules may not use.";
    E004 Rules "A float in rule SQL.";
    E005 Rules "The expression is of another type than is needed here.";
    E006 Rules "A SELECT lacks a required column or gives one too many.";
    E007 Rules "A rule cannot be computed on a record.";
    E008 Rules "A query takes more time, memory or rows than it may.";
    E009 Rules "A query gives the same subscription more than once.";
    R001 Input "A reference table cannot be read.";
    R002 Rules "A reference table lacks a required column.";
    R003 Rules "A value of a reference table cannot be read.";
    R004 Rules "A key stands twice in a reference table.";
    R005 Rules "A row points to something that does not exist.";
    R006 Rules "The account hierarchy has a cycle.";
    R007 Rules "Validities overlap.";
    R008 Rules "An end that is not after its start.";
    R009 Rules "Unknown currency.";
    R022 Rules "A line of a closed period is adjusted whose subscription or charge is gone.";
    R020 Rules "A line for whose jurisdiction and tax category there is no tax rate.";
    R021 Input "No exchange rate of the day, nor one that is young enough.";
    R010 Rules "An amendment that does not fit its subscription.";
    U001 Input "No usage file matches the path of a source.";
    U002 Input "A usage file cannot be read to its end.";
    U003 Input "A usage file lacks a declared column or has it in another type.";
    U004 Input "A usage file decompresses to more than the limit.";
    U005 Input "A usage file changed while it was read.";
    U006 Input "The answers of the tax service are not there yet.";
    U007 Input "The answers of the tax service are not whole.";
    U008 Input "A usage file has other bytes than when an earlier night has read it.";
    U009 Input "A usage file that must be read again is gone.";
    G001 Ours "Counts or sums do not reconcile; nothing was committed.";
    G002 Input "Usage adds up to more than a decimal can hold.";
    G003 Rules "A price makes an amount of more digits than fit.";
    O001 Temporary "The store cannot be read or written.";
    O002 Committed "Another run of this period was committed meanwhile.";
    O003 Rules "The store's address cannot be used.";
    O004 Temporary "More memory is needed than the limit allows.";
    O005 Input "A manifest or plan cannot be read.";
    O006 Input "A file of a committed line set is missing or not whole.";
    O007 Rules "The period was committed by another pipeline.";
    O008 Temporary "The store did not say whether the run is committed or the decision taken; doing it again is safe.";
    O009 Rules "The committed line set has no such line, or there is none.";
    O010 Rules "Invoice numbers would overlap those of a later period, or leave a gap before them.";
    O011 Rules "There is no unfinished run of this id.";
    O012 Rules "A committed run cannot be abandoned.";
    O013 Rules "No line set of this name, or two that cannot be compared so.";
    O014 Rules "The usage of a line set is not kept, or would be taken in otherwise now.";
    O015 Committed "The period is closed.";
    O016 Rules "Only closed periods are rerated.";
    O017 Committed "Another decision on suspense was taken meanwhile.";
    O018 Rules "No record in suspense is selected so.";
    T001 Rules "There is no rule test to run.";
    T002 Rules "A price book or line set that rule tests need is not there.";
    X001 Ours "A fault of Ratemill itself.";
}
