//! Reads a mediation SELECT: one plain projection over `input` with an optional WHERE.
//!
//! Separate from the expressions in it, because here the question is the shape of the statement. Whatever clause SQL
//! has or will have: the statement must equal a SELECT rebuilt from its columns and its WHERE alone.

use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned,
    Statement, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use super::place;
use super::syntax::{bare, declared, parser, shallow};
use super::vocabulary::nearest;
use super::wording::unparsed;
use crate::fault::{Fault, Faults, Located, Outcome, Place, codes};

/// The only table.
const TABLE: &str = "input";

/// A mediation SELECT taken apart; its expressions are not checked yet.
pub(super) struct Shape {
    /// Output columns in order.
    pub columns: Vec<(String, Expr)>,
    /// The WHERE.
    pub condition: Option<Expr>,
    /// The name that may stand before a column: `input` or its alias.
    pub table: String,
}

/// Parses `sql` and takes it apart.
///
/// Faults: `E001` what is no SQL or has no column name, `E002` whatever is more than a plain SELECT over `input`.
pub(super) fn shape(sql: &Located, input: &Schema, faults: &mut Faults) -> Option<Shape> {
    let select = faults.keep(plain_select(sql))?;
    let table = faults.keep(table(sql, &select))?;
    let mut columns: Vec<(String, Expr)> = Vec::new();
    for column in select.projection {
        for (name, expr) in faults.keep(named(sql, column, input, &table)).unwrap_or_default() {
            if columns.iter().any(|(earlier, _)| *earlier == name) {
                let place = place::of_token(sql, expr.span());
                faults.push(Fault::new(&codes::E001, format!("two columns are named `{name}`")).at(&place));
            }
            columns.push((name, expr));
        }
    }
    Some(Shape { columns, condition: select.selection, table })
}

fn plain_select(sql: &Located) -> Outcome<Select> {
    let mut parser = parser(sql)?;
    if let Token::Word(word) = parser.peek_token().token
        && !["SELECT", "WITH", "FROM", "VALUES", "TABLE"].contains(&word.value.to_uppercase().as_str())
    {
        return Err(refused_at(sql, "", format!("`{word}` is not a SELECT")));
    }
    let statement = parser.parse_statement().map_err(|error| unparsed(sql, &error))?;
    shallow(sql, &statement)?;
    nothing_after(&mut parser, sql)?;
    let Statement::Query(query) = statement else {
        return Err(refused_at(sql, "", "this is not a SELECT"));
    };
    if let Some(clause) = clause_of_query(&query) {
        return Err(refused_at(sql, clause, format!("{clause} cannot stand in a mediation SELECT")));
    }
    let select = match *query.body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { op, .. } => {
            let op = op.to_string();
            return Err(refused_at(sql, &op, format!("{op} cannot stand in a mediation SELECT")));
        }
        _ => return Err(refused_at(sql, "", "only a SELECT can stand here")),
    };
    let clause = clause_of_select(&select);
    match clause.or_else(|| (*select != rebuilt(&select)).then_some("a clause other than FROM and WHERE")) {
        Some(clause) => Err(refused_at(sql, clause, format!("{clause} cannot stand in a mediation SELECT"))),
        None => Ok(*select),
    }
}

/// Refuses whatever stands behind the statement but a semicolon.
pub(super) fn nothing_after(parser: &mut Parser<'_>, sql: &Located) -> Outcome<()> {
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        return Ok(());
    }
    let fault = Fault::new(&codes::E002, format!("`{}` does not continue the SELECT", rest.token));
    let fault = fault.at(&place::of_token(sql, rest.span));
    Err(fault.hint("only one SELECT can stand here; a column named like a keyword needs double quotes").into())
}

/// A refusal at the first `clause` keyword, or at the statement's first word.
fn refused_at(sql: &Located, clause: &str, message: impl Into<String>) -> Faults {
    Fault::new(&codes::E002, message).at(&place_of_word(sql, clause)).hint(HINT).into()
}

/// The place of the first `clause` keyword, or of the statement's first word.
pub(super) fn place_of_word(sql: &Located, clause: &str) -> Place {
    let tokens = Tokenizer::new(&GenericDialect, &sql.text).tokenize_with_location().unwrap_or_default();
    let keyword = clause.split(' ').next().unwrap_or_default();
    let stands =
        |token: &&TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(keyword));
    let visible = || tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let found = visible().find(stands).or_else(|| visible().next());
    place::of_token(sql, found.map_or(Span::empty(), |token| token.span))
}

fn refused(sql: &Located, span: Span, message: impl Into<String>) -> Faults {
    let place = place::of_token(sql, span);
    Fault::new(&codes::E002, message).at(&place).hint(HINT).into()
}

const HINT: &str = "write SELECT columns FROM input [WHERE condition]";

fn clause_of_query(query: &Query) -> Option<&'static str> {
    let clauses = [
        (query.with.is_some(), "WITH"),
        (query.order_by.is_some(), "ORDER BY"),
        (query.limit_clause.is_some() || query.fetch.is_some(), "LIMIT"),
        (!query.locks.is_empty() || query.for_clause.is_some(), "FOR"),
        (query.settings.is_some() || query.format_clause.is_some(), "SETTINGS or FORMAT"),
        (!query.pipe_operators.is_empty(), "a pipe operator"),
    ];
    clauses.into_iter().find_map(|(stands, name)| stands.then_some(name))
}

fn clause_of_select(select: &Select) -> Option<&'static str> {
    let grouped =
        !matches!(&select.group_by, GroupByExpr::Expressions(keys, more) if keys.is_empty() && more.is_empty());
    let clauses = [
        (select.distinct.is_some(), "DISTINCT"),
        (select.into.is_some(), "INTO"),
        (grouped, "GROUP BY"),
        (select.having.is_some(), "HAVING"),
        (select.qualify.is_some() || !select.named_window.is_empty(), "a window"),
        (select.top.is_some(), "TOP"),
    ];
    clauses.into_iter().find_map(|(stands, name)| stands.then_some(name))
}

/// The SELECT that has only the columns, FROM and WHERE of `select`.
fn rebuilt(select: &Select) -> Select {
    Select {
        select_token: select.select_token.clone(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: select.projection.clone(),
        exclude: None,
        into: None,
        from: select.from.clone(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: select.selection.clone(),
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: datafusion::sql::sqlparser::ast::SelectFlavor::Standard,
    }
}

/// The name of the one table, checked to be `input`.
fn table(sql: &Located, select: &Select) -> Outcome<String> {
    let [from] = select.from.as_slice() else {
        let message = if select.from.is_empty() { "FROM input is missing" } else { "FROM names more than one table" };
        return Err(refused_at(sql, "FROM", message));
    };
    let TableWithJoins { relation: TableFactor::Table { name, alias, .. }, joins } = from else {
        return Err(refused(sql, from.span(), "FROM names something other than a table"));
    };
    if !joins.is_empty() {
        return Err(refused(sql, from.span(), "a join cannot stand in a mediation SELECT"));
    }
    let plain_alias = alias.as_ref().is_none_or(|alias| alias.columns.is_empty());
    let bare = |alias: Option<_>| from_table(name.clone(), alias);
    if *from != bare(alias.clone()) || !plain_alias {
        return Err(refused(sql, from.span(), "FROM names a function or has options"));
    }
    let written = name.0.iter().filter_map(|part| part.as_ident()).collect::<Vec<_>>();
    match written.as_slice() {
        [Ident { value, quote_style, .. }] if value.eq_ignore_ascii_case(TABLE) && *quote_style != Some('\'') => {
            Ok(alias.as_ref().map_or_else(|| TABLE.to_owned(), |alias| alias.name.value.clone()))
        }
        _ => Err(unknown_table(sql, name)),
    }
}

fn unknown_table(sql: &Located, name: &ObjectName) -> Faults {
    let message = format!("there is no table {name}; rule SQL reads only `input`");
    // A quoted text has no span of its own.
    let mut faults = if name.span() == Span::empty() {
        refused_at(sql, "FROM", message)
    } else {
        refused(sql, name.span(), message)
    };
    let near = nearest(&name.to_string(), std::iter::once(TABLE)).map(|near| format!("did you mean `{near}`?"));
    let hint = near.unwrap_or_else(|| "files are named under `usage:` and `reference:`".to_owned());
    faults.0.iter_mut().for_each(|fault| fault.hint = Some(hint.clone()));
    faults
}

pub(super) fn from_table(
    name: ObjectName,
    alias: Option<datafusion::sql::sqlparser::ast::TableAlias>,
) -> TableWithJoins {
    let relation = TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    TableWithJoins { relation, joins: Vec::new() }
}

/// The column or columns one part of the projection gives.
fn named(sql: &Located, column: SelectItem, input: &Schema, table: &str) -> Outcome<Vec<(String, Expr)>> {
    let span = column.span();
    match column {
        SelectItem::ExprWithAlias { expr, alias } => Ok(vec![(alias.value, expr)]),
        SelectItem::UnnamedExpr(expr) => {
            let name = match &expr {
                Expr::Identifier(name) => Some(name.clone()),
                Expr::CompoundIdentifier(names) => names.last().cloned(),
                Expr::Function(function) => bare(function).filter(|name| declared(input, name).is_some()),
                _ => None,
            };
            if let Some(name) = name {
                let name = declared(input, &name).map_or_else(|| name.value.clone(), |field| field.name().clone());
                return Ok(vec![(name, expr)]);
            }
            let fault = Fault::new(&codes::E001, "this column has no name");
            Err(fault.at(&place::of_token(sql, span)).hint("add AS and a name").into())
        }
        SelectItem::Wildcard(options) if options == WildcardAdditionalOptions::default() => Ok(all_of(input, span)),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
            if options == WildcardAdditionalOptions::default() && name.to_string().eq_ignore_ascii_case(table) =>
        {
            Ok(all_of(input, span))
        }
        _ => Err(refused(sql, span, "write the columns out one by one")),
    }
}

fn all_of(input: &Schema, span: Span) -> Vec<(String, Expr)> {
    let named = |name: &String| Ident { value: name.clone(), quote_style: Some('"'), span };
    input.fields().iter().map(|field| (field.name().clone(), Expr::Identifier(named(field.name())))).collect()
}
