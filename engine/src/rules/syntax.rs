//! Checks the syntax tree of an expression: which nodes, names, functions, types and numbers may stand in it.
//!
//! Separate and before planning, because here every fault has its own place and all of them are found at once. What
//! is not on the list below is refused, so a new node of the parser's is refused until somebody thinks about it.

use std::ops::ControlFlow;

use arrow::datatypes::{Field, Schema};
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Query, Spanned, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::place;
use super::query::calls;
use super::types::{Unfit, has_float, named};
use super::vocabulary::{Barred, Vocabulary, nearest};
use super::wording::{too_deep, unparsed};
use crate::fault::{Code, Fault, Faults, Located, Outcome, codes};
use crate::money::Decimal;

/// Expressions nested or chained deeper than this are refused: planning and evaluating them recurses.
const DEPTH: usize = 128;
/// SQL of more words and signs is refused before it is parsed, for the same reason.
const TOKENS: usize = 4096;

/// The same for SELECTs combined by UNION and the like, of which each lies within the next.
const COMBINED: usize = 48;

fn combines(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    word.quote_style.is_none()
        && ["UNION", "INTERSECT", "EXCEPT", "MINUS"].contains(&word.value.to_uppercase().as_str())
}

/// A parser at the start of `sql`.
pub(super) fn parser(sql: &Located) -> Outcome<Parser<'static>> {
    let tokens = Tokenizer::new(&GenericDialect, &sql.text).tokenize_with_location();
    let tokens = tokens.map_err(|error| unparsed(sql, &error.into()))?;
    if tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count() > TOKENS {
        let fault = Fault::new(&codes::E001, format!("the SQL has more than {TOKENS} words and signs"));
        return Err(fault.at(&sql.place).into());
    }
    if tokens.iter().filter(|token| combines(&token.token)).count() > COMBINED {
        let fault = Fault::new(&codes::E001, format!("the SQL combines more than {COMBINED} SELECTs"));
        return Err(fault.at(&sql.place).into());
    }
    Ok(Parser::new(&GenericDialect).with_recursion_limit(50).with_tokens_with_locations(tokens))
}

/// Refuses what is nested or chained too deeply; everything else here and in planning recurses.
pub(super) fn shallow(sql: &Located, parsed: &impl Visit) -> Outcome<()> {
    match parsed.visit(&mut Depth(0)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(too_deep(sql).into()),
    }
}

struct Depth(usize);

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > DEPTH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }
}

/// Parses `sql` as one expression and nothing after it.
pub(super) fn expression(sql: &Located) -> Outcome<Expr> {
    let mut parser = parser(sql)?;
    let expr = parser.parse_expr().map_err(|error| unparsed(sql, &error))?;
    shallow(sql, &expr)?;
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        return Ok(expr);
    }
    let fault = match rest.token {
        Token::SemiColon => Fault::new(&codes::E002, "one expression is needed here, without `;`"),
        token => Fault::new(&codes::E001, format!("`{token}` does not continue the expression")),
    };
    Err(fault.at(&place::of_token(sql, rest.span)).into())
}

/// Checks `expr` against `columns` (which `table` may qualify) and writes every name out as it is declared.
///
/// # Errors
/// All that may not stand in a rule.
pub(super) fn check(
    mut expr: Expr,
    sql: &Located,
    columns: &Schema,
    table: Option<&str>,
    vocabulary: &Vocabulary,
) -> Outcome<Expr> {
    let mut checker = Checker::new(sql, Scope::Record { columns, table }, vocabulary);
    let _ = VisitMut::visit(&mut expr, &mut checker);
    checker.faults.or(expr)
}

/// Checks every expression of a query over a table of `columns`; which name means what is left to the planner.
///
/// # Errors
/// All that may not stand in a query.
pub(super) fn check_query(
    mut query: Query,
    sql: &Located,
    columns: &Schema,
    vocabulary: &Vocabulary,
) -> Outcome<Query> {
    let mut checker = Checker::new(sql, Scope::Query { columns }, vocabulary);
    let _ = VisitMut::visit(&mut query, &mut checker);
    checker.faults.or(query)
}

/// What the names of an expression may mean.
#[derive(Clone, Copy)]
enum Scope<'a> {
    /// The columns of one record, which `table` may qualify.
    Record { columns: &'a Schema, table: Option<&'a str> },
    /// Whatever the SELECTs around it bring in; `columns` are those of the one table.
    Query { columns: &'a Schema },
}

struct Checker<'a> {
    sql: &'a Located,
    scope: Scope<'a>,
    vocabulary: &'a Vocabulary,
    faults: Faults,
    depth: usize,
    /// Depth of a refused node: what is below it is not looked at.
    refused: Option<usize>,
}

impl VisitorMut for Checker<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.depth += 1;
        let before = self.faults.0.len();
        if self.refused.is_none() {
            self.node(expr);
            if self.faults.0.len() > before && !matches!(expr, Expr::Function(_) | Expr::Cast { .. }) {
                self.refused = Some(self.depth);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expr: &mut Expr) -> ControlFlow<()> {
        if self.refused == Some(self.depth) {
            self.refused = None;
        }
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

impl<'a> Checker<'a> {
    fn new(sql: &'a Located, scope: Scope<'a>, vocabulary: &'a Vocabulary) -> Self {
        Self { sql, scope, vocabulary, faults: Faults::default(), depth: 0, refused: None }
    }

    fn columns(&self) -> &'a Schema {
        match self.scope {
            Scope::Record { columns, .. } | Scope::Query { columns } => columns,
        }
    }

    fn refuse(&mut self, code: &'static Code, span: Span, message: impl Into<String>, hint: Option<String>) {
        let mut fault = Fault::new(code, message).at(&place::of_token(self.sql, span));
        fault.hint = hint;
        self.faults.push(fault);
    }

    fn node(&mut self, expr: &mut Expr) {
        let span = expr.span();
        match expr {
            Expr::Identifier(name) => *name = self.column(name),
            Expr::CompoundIdentifier(names) if self.in_query() => {
                if let Some(name) = names.last_mut() {
                    *name = self.column(name);
                }
            }
            Expr::CompoundIdentifier(names) => {
                if let Some(column) = self.qualified(names, span) {
                    *expr = Expr::Identifier(column);
                }
            }
            Expr::Value(value) => self.value(&mut value.value, value.span),
            Expr::Function(function) => match bare(function).filter(|name| declared(self.columns(), name).is_some()) {
                Some(name) => *expr = Expr::Identifier(self.column(&name)),
                None => self.function(function),
            },
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast | CastKind::SafeCast,
                data_type,
                format: None,
                array: false,
                ..
            } => {
                self.named_type(data_type, span);
            }
            Expr::TypedString(typed) => self.named_type(&typed.data_type, span),
            Expr::BinaryOp { op, .. } => self.operator(op, span),
            Expr::AtTimeZone { time_zone, .. } => self.zone(time_zone),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } if self.in_query() => {}
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                self.refuse(&codes::E002, span, "a subquery cannot stand in a rule", Some(ONE_RECORD.to_owned()));
            }
            expr if is_plain(expr) => {}
            expr => {
                let shown = shortened(&expr.to_string());
                self.refuse(&codes::E001, span, format!("`{shown}` is no part of rule SQL"), None);
            }
        }
    }

    fn in_query(&self) -> bool {
        matches!(self.scope, Scope::Query { .. })
    }

    fn column(&mut self, name: &Ident) -> Ident {
        if let Some(field) = declared(self.columns(), name) {
            if has_float(field.data_type()) {
                let hint = Some("declare it as decimal(p,s) in the schema of its source".to_owned());
                self.refuse(&codes::E004, name.span, format!("the column `{}` is a float", field.name()), hint);
            }
            return Ident { value: field.name().clone(), quote_style: Some('"'), span: name.span };
        }
        if self.in_query() {
            return name.clone();
        }
        let names = || self.columns().fields().iter().map(|field| field.name().as_str());
        let text = || format!("texts stand in single quotes: '{}'; double quotes are for names of columns", name.value);
        let hint = name.quote_style.map(|_| text());
        let near = || nearest(&name.value, names()).map(|near| format!("did you mean `{near}`?"));
        let hint = hint.or_else(near);
        let hint = hint.or_else(|| Some(format!("the columns are {}", names().collect::<Vec<_>>().join(", "))));
        self.refuse(&codes::E001, name.span, format!("there is no column `{}`", name.value), hint);
        name.clone()
    }

    fn qualified(&mut self, names: &[Ident], span: Span) -> Option<Ident> {
        match (names, self.scope) {
            ([table, column], Scope::Record { table: Some(name), .. }) if table.value.eq_ignore_ascii_case(name) => {
                Some(self.column(column))
            }
            _ => {
                let shown: Vec<_> = names.iter().map(ToString::to_string).collect();
                self.refuse(&codes::E001, span, format!("there is no column `{}`", shown.join(".")), None);
                None
            }
        }
    }

    /// Numbers are decimals of their text: `1e-7` is 0.0000001, and what would be rounded is refused.
    fn value(&mut self, value: &mut Value, span: Span) {
        match value {
            Value::Number(text, false) => match Decimal::parse(text) {
                Ok(_) if text.parse::<i64>().is_ok() => {}
                Ok(number) => *text = number.to_string(),
                Err(fault) => self.refuse(&codes::E001, span, format!("the number `{text}` has {fault}"), None),
            },
            Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {}
            value => {
                let shown = shortened(&value.to_string());
                self.refuse(&codes::E001, span, format!("`{shown}` is no value of rule SQL"), None);
            }
        }
    }

    fn named_type(&mut self, kind: &ast::DataType, span: Span) {
        match named(kind) {
            Ok(_) => {}
            Err(Unfit::Float) => {
                let hint = Some("use DECIMAL(38,18)".to_owned());
                self.refuse(&codes::E004, span, format!("{kind} is a float"), hint);
            }
            Err(Unfit::Decimal) => {
                self.refuse(&codes::E005, span, format!("{kind} is beyond DECIMAL(38,18)"), None);
            }
            Err(Unfit::Unknown) => {
                let hint = Some("the types are BIGINT, DECIMAL(p,s), TEXT, BOOLEAN, DATE and TIMESTAMP".to_owned());
                self.refuse(&codes::E005, span, format!("{kind} is no type of rule SQL"), hint);
            }
        }
    }

    fn operator(&mut self, op: &BinaryOperator, span: Span) {
        use BinaryOperator as Op;
        let known = matches!(
            op,
            Op::Plus
                | Op::Minus
                | Op::Multiply
                | Op::Divide
                | Op::Modulo
                | Op::StringConcat
                | Op::Eq
                | Op::NotEq
                | Op::Lt
                | Op::LtEq
                | Op::Gt
                | Op::GtEq
                | Op::And
                | Op::Or
        );
        if !known {
            self.refuse(&codes::E001, span, format!("the operator `{op}` is no part of rule SQL"), None);
        }
    }

    fn zone(&mut self, zone: &Expr) {
        let known = match zone {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(name) => name.parse::<chrono_tz::Tz>().is_ok(),
                _ => false,
            },
            _ => false,
        };
        if !known {
            self.refuse(&codes::E001, zone.span(), format!("{zone} is no time zone"), None);
        }
    }

    fn function(&mut self, function: &ast::Function) {
        let span = function.name.span();
        let name = function.name.to_string().to_lowercase();
        if self.in_query() && calls::is_over_rows(&name) {
            if let Some((code, message)) = calls::unfit(&name, function) {
                self.refuse(code, span, message, None);
            }
            return;
        }
        if let Err(barred) = self.vocabulary.check(&name) {
            return self.barred(&name, barred, span);
        }
        if function.over.is_some() {
            let message = format!("`{name}` over a window cannot stand in a rule");
            return self.refuse(&codes::E002, span, message, Some(ONE_RECORD.to_owned()));
        }
        if !is_plain_call(function) {
            self.refuse(&codes::E002, span, format!("`{name}` takes plain arguments only"), None);
        }
    }

    fn barred(&mut self, name: &str, barred: Barred, span: Span) {
        let (code, message, hint) = match barred {
            Barred::Aggregate if self.in_query() => {
                let hint = Some(format!("over many rows there are {}", calls::OVER_ROWS.join(", ")));
                (&codes::E003, format!("`{name}` is not among the functions of rules"), hint)
            }
            Barred::Aggregate => {
                (&codes::E002, format!("`{name}` looks at more than one record"), Some(ONE_RECORD.to_owned()))
            }
            Barred::Volatile => {
                let hint = "a run must give the same result whenever it is repeated".to_owned();
                (&codes::E003, format!("`{name}` changes from run to run"), Some(hint))
            }
            Barred::Outside => (&codes::E003, format!("`{name}` looks outside the record"), None),
            Barred::Unknown(near) => {
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                (&codes::E003, format!("`{name}` is not among the functions of rules"), hint)
            }
        };
        self.refuse(code, span, message, hint);
    }
}

/// The column `name` means: as written, or without regard to case when it is not quoted and only one is alike.
pub(super) fn declared<'a>(columns: &'a Schema, name: &Ident) -> Option<&'a Field> {
    let exact = columns.fields().iter().find(|field| *field.name() == name.value);
    let mut alike = columns.fields().iter().filter(|field| field.name().eq_ignore_ascii_case(&name.value));
    match (exact, name.quote_style, alike.next(), alike.next()) {
        (Some(field), ..) | (None, None, Some(field), None) => Some(field),
        _ => None,
    }
}

/// The name of a function without parentheses (`user`, `current_date`), which may as well be a column.
pub(super) fn bare(function: &ast::Function) -> Option<Ident> {
    match function.name.0.as_slice() {
        [part] if function.args == FunctionArguments::None && function.over.is_none() => part.as_ident().cloned(),
        _ => None,
    }
}

const ONE_RECORD: &str = "a rule sees one record at a time; meters aggregate";

/// Nodes that are harmless in themselves; what stands in them is checked on its own.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Ceil { field, .. } | Expr::Floor { field, .. } => {
            matches!(field, CeilFloorKind::DateTimeField(DateTimeField::NoDateTime))
        }
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not),
        Expr::Like { any, .. } | Expr::ILike { any, .. } => !any,
        Expr::IsFalse(_) | Expr::IsNotFalse(_) | Expr::IsTrue(_) | Expr::IsNotTrue(_) | Expr::IsNull(_) => true,
        Expr::IsNotNull(_) | Expr::IsUnknown(_) | Expr::IsNotUnknown(_) | Expr::IsDistinctFrom(..) => true,
        Expr::IsNotDistinctFrom(..) | Expr::InList { .. } | Expr::Between { .. } | Expr::Nested(_) => true,
        Expr::Case { .. } | Expr::Extract { .. } | Expr::Position { .. } | Expr::Substring { .. } => true,
        Expr::Trim { .. } | Expr::Interval(_) => true,
        _ => false,
    }
}

/// A call without FILTER, OVER, ORDER BY, DISTINCT, named arguments or `*`.
pub(super) fn is_plain_call(function: &ast::Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let unnamed = |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)));
    function.name.0.len() == 1
        && !function.uses_odbc_syntax
        && function.parameters == FunctionArguments::None
        && function.filter.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
        && list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && list.args.iter().all(unnamed)
}

pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(60).collect::<String>())
    }
}
