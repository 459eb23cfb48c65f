//! Expressions over an account, a subscription and what they have used: `when` of layers and discounts, and `formula`.
//!
//! Separate from expressions over one record, because here names have a dot (`account.region`) and calls ask for what the
//! caller knows (`usage('video_minutes')`). Each becomes one column of that very name, so that everything behind it,
//! the checks, the exact arithmetic, the search for the row that fails, is the same. Never looks anything up itself: the
//! caller builds the columns that the expression says it needs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Spanned, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::decimal::EXACT;
use super::evaluate::{Computed, Expression};
use super::syntax::{self, is_plain_call};
use super::vocabulary::{Vocabulary, nearest};
use super::{Want, place, plan, rule, wanted, wording};
use crate::fault::{Code, Fault, Faults, Located, Outcome, codes};

/// What an expression over a subject may name. A list that is `None` cannot be asked for at this place of the book.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Columns, those of accounts and subscriptions with `of`.
    pub columns: Vec<SubjectColumn>,
    /// What `usage('meter')` may ask for.
    pub meters: Option<Vec<String>>,
    /// What `amount('product/charge')` may ask for.
    pub charges: Option<Vec<String>>,
    /// What `has_product('product')` may ask for.
    pub products: Option<Vec<String>>,
}

/// One column an expression over a subject may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectColumn {
    /// What stands before the dot: `account`, `subscription`; `None` for a plain name such as `quantity`.
    pub of: Option<String>,
    /// The column's own name.
    pub name: String,
    /// Its type.
    pub kind: DataType,
}

/// One column that a compiled expression needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// A column of [`Names::columns`], in its own type.
    Column {
        /// What stands before the dot.
        of: Option<String>,
        /// The column's own name.
        name: String,
    },
    /// The quantity of a meter, as `DECIMAL(38,18)`.
    Usage(String),
    /// The amount of a charge, as `DECIMAL(38,18)`.
    Amount(String),
    /// Whether there is the product, as a boolean.
    HasProduct(String),
}

impl Needed {
    /// The name of its column in the batch that the expression is evaluated on.
    #[must_use]
    pub fn field_name(&self) -> String {
        match self {
            Self::Column { of: Some(of), name } => format!("{of}.{name}"),
            Self::Column { of: None, name } => name.clone(),
            Self::Usage(meter) => format!("usage({meter})"),
            Self::Amount(charge) => format!("amount({charge})"),
            Self::HasProduct(product) => format!("has_product({product})"),
        }
    }
}

/// A compiled expression over subjects.
#[derive(Debug)]
pub struct SubjectExpression {
    expression: Expression,
    needs: Vec<Needed>,
}

impl SubjectExpression {
    /// What it needs, in the order of the columns of [`Self::schema`]; nothing else need be built.
    #[must_use]
    pub fn needs(&self) -> &[Needed] {
        &self.needs
    }

    /// The columns of the batches it is evaluated on.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.expression.input
    }

    /// The result for every `wanted` subject, in the type of its [`Want`]; a predicate that is NULL is false.
    ///
    /// # Errors
    /// Only our own bugs: what cannot be computed on a subject is told in [`Computed::failed`].
    pub fn evaluate(&self, subjects: &RecordBatch, wanted: impl Fn(usize) -> bool) -> Outcome<Computed> {
        self.expression.evaluate(subjects, wanted)
    }
}

/// Compiles `text`.
pub(super) fn compile(
    text: &Located,
    names: &Names,
    want: Want,
    vocabulary: &Vocabulary,
) -> Outcome<SubjectExpression> {
    let mut expr = syntax::expression(text)?;
    let place = place::of_token(text, expr.span());
    let mut asked = Asked { text, names, found: BTreeSet::new(), faults: Faults::default() };
    let _ = VisitMut::visit(&mut expr, &mut asked);
    let Asked { found, mut faults, .. } = asked;
    let all = columns(names, &found);
    let schema = Schema::new(all.iter().map(|(_, field)| field.clone()).collect::<Vec<_>>());
    let checked = faults.keep(syntax::check(expr, text, &schema, None, vocabulary));
    let Some(mut checked) = checked.filter(|_| faults.0.is_empty()) else { return Err(faults) };
    let mut named = Named(BTreeSet::new());
    let _ = VisitMut::visit(&mut checked, &mut named);
    let (needs, fields): (Vec<_>, Vec<_>) = all.into_iter().filter(|(_, field)| named.0.contains(field.name())).unzip();
    let input = Arc::new(Schema::new(fields));
    let mut planned = wanted(plan::plan(checked, text, &input, vocabulary)?, want, &place)?;
    if want == Want::Predicate {
        planned = planned.truth().map_err(|error| wording::unplanned(&place, &error))?;
    }
    let expression = Expression { input, rule: rule(planned, place)?, want };
    Ok(SubjectExpression { expression, needs })
}

/// Everything there is to name: the columns as declared, then what was `found` to be asked for.
fn columns(names: &Names, found: &BTreeSet<Needed>) -> Vec<(Needed, Field)> {
    let declared = names.columns.iter().map(|column| {
        let needed = Needed::Column { of: column.of.clone(), name: column.name.clone() };
        let field = Field::new(needed.field_name(), column.kind.clone(), true);
        (needed, field)
    });
    let asked = found.iter().map(|needed| {
        let kind = if matches!(needed, Needed::HasProduct(_)) { DataType::Boolean } else { EXACT };
        (needed.clone(), Field::new(needed.field_name(), kind, true))
    });
    declared.chain(asked).collect()
}

/// Writes every dotted name and every question as the one name of its column.
struct Asked<'a> {
    text: &'a Located,
    names: &'a Names,
    found: BTreeSet<Needed>,
    faults: Faults,
}

impl VisitorMut for Asked<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let span = expr.span();
        let column = match expr {
            Expr::CompoundIdentifier(names) => self.dotted(names, span),
            Expr::Identifier(name) if self.is_only_dotted(name) => {
                let known = || self.names.columns.iter().filter(|column| column.name.eq_ignore_ascii_case(&name.value));
                let hint = known().next().map(|column| format!("did you mean `{}`?", shown(column)));
                self.refuse(&codes::E001, span, format!("there is no column `{}`", name.value), hint);
                None
            }
            Expr::Function(function) => match asks(function) {
                Some(name) => self.question(function, name, span),
                None => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        // What was refused is told once; the rest is still looked at.
        *expr = match column {
            Some(name) => Expr::Identifier(Ident { value: name, quote_style: Some('"'), span }),
            None => Expr::Value(Value::Null.with_span(span)),
        };
        ControlFlow::Continue(())
    }
}

impl Asked<'_> {
    fn refuse(&mut self, code: &'static Code, span: Span, message: impl Into<String>, hint: Option<String>) {
        let mut fault = Fault::new(code, message).at(&place::of_token(self.text, span));
        fault.hint = hint;
        self.faults.push(fault);
    }

    /// Whether the plain `name` is no column itself, but one of an account or subscription.
    fn is_only_dotted(&self, name: &Ident) -> bool {
        let alike = || self.names.columns.iter().filter(|column| column.name.eq_ignore_ascii_case(&name.value));
        alike().next().is_some() && alike().all(|column| column.of.is_some())
    }

    fn dotted(&mut self, names: &[Ident], span: Span) -> Option<String> {
        if let [of, name] = names {
            let of_it =
                |column: &&SubjectColumn| column.of.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(&of.value));
            let exact = |column: &&SubjectColumn| column.name == name.value;
            let alike =
                |column: &&SubjectColumn| name.quote_style.is_none() && column.name.eq_ignore_ascii_case(&name.value);
            let known = || self.names.columns.iter().filter(of_it);
            let mut nearly = known().filter(alike);
            let column = known().find(exact).or_else(|| nearly.next().filter(|_| nearly.next().is_none()));
            if let Some(column) = column {
                return Some(shown(column));
            }
        }
        let written = names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(".");
        let known: Vec<String> = self.names.columns.iter().map(shown).collect();
        // What stands before the dot is not what is mistyped when there are columns of it.
        let of = written.split_inclusive('.').next().unwrap_or_default();
        let alike: Vec<&str> = known.iter().filter_map(|known| known.strip_prefix(of)).collect();
        let near = match (alike.as_slice(), written.strip_prefix(of)) {
            ([], _) | (_, None) => nearest(&written, known.iter().map(String::as_str)),
            (alike, Some(name)) => nearest(name, alike.iter().copied()).map(|near| format!("{of}{near}")),
        };
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let hint = hint.or_else(|| Some(format!("the columns are {}", known.join(", "))));
        self.refuse(&codes::E001, span, format!("there is no column `{written}`"), hint);
        None
    }

    fn question(&mut self, function: &ast::Function, name: &'static str, span: Span) -> Option<String> {
        let (kind, known) = match name {
            "usage" => ("meter", &self.names.meters),
            "amount" => ("charge", &self.names.charges),
            _ => ("product", &self.names.products),
        };
        let Some(known) = known else {
            self.refuse(&codes::E003, function.name.span(), format!("`{name}` cannot be asked for here"), None);
            return None;
        };
        let example = known.first().map_or(kind, String::as_str);
        let Some(wanted) = only_text(function) else {
            let message = format!("`{name}` takes the id of one {kind}, as a text in single quotes");
            self.refuse(&codes::E005, function.name.span(), message, Some(format!("write {name}('{example}')")));
            return None;
        };
        if !known.contains(&wanted) {
            let hint = match nearest(&wanted, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("there is no {kind} here"),
                None => format!("there is {}", known.join(", ")),
            };
            self.refuse(&codes::B003, span, format!("there is no {kind} `{wanted}`"), Some(hint));
            return None;
        }
        let needed = match name {
            "usage" => Needed::Usage(wanted),
            "amount" => Needed::Amount(wanted),
            _ => Needed::HasProduct(wanted),
        };
        let column = needed.field_name();
        self.found.insert(needed);
        Some(column)
    }
}

fn shown(column: &SubjectColumn) -> String {
    Needed::Column { of: column.of.clone(), name: column.name.clone() }.field_name()
}

/// The question that the function is, if it is one.
fn asks(function: &ast::Function) -> Option<&'static str> {
    let name = function.name.to_string().to_lowercase();
    let called = function.args != FunctionArguments::None;
    ["usage", "amount", "has_product"].into_iter().find(|known| called && *known == name)
}

/// The text in `f('text')`.
fn only_text(function: &ast::Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))]
            if is_plain_call(function) && function.over.is_none() =>
        {
            match &value.value {
                Value::SingleQuotedString(text) => Some(text.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The names in a checked expression, which are all written as declared.
struct Named(BTreeSet<String>);

impl VisitorMut for Named {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            self.0.insert(name.value.clone());
        }
        ControlFlow::Continue(())
    }
}
