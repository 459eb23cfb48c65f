//! Which statement a query is: one SELECT over `buckets`, with WITH, joins, subqueries and unions of the same.
//!
//! Separate from the expressions in it, and before planning. Whatever clause SQL has or will have: each SELECT must equal
//! the one rebuilt from the clauses that are allowed. A WITH that is named many times is planned as many times, so what
//! bounds planning is the number of SELECTs after all names are written out.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Distinct, GroupByExpr, Ident, JoinOperator, ObjectName, Query, Select, SelectFlavor, SetExpr, SetQuantifier,
    Spanned, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::{Span, Token};

use crate::fault::{Fault, Faults, Located, Outcome, codes};
use crate::rules::select::place_of_word;
use crate::rules::syntax::{parser, shallow};
use crate::rules::vocabulary::nearest;
use crate::rules::wording::unparsed;
use crate::rules::{place, select};

/// The only table.
pub(super) const TABLE: &str = "buckets";
/// SELECTs after every WITH is written out where it is named.
const SELECTS: usize = 48;
/// Longer SQL is refused: a text of it may be matched against every row.
const LETTERS: usize = 32 * 1024;

/// Parses `sql` and refuses what is more than a SELECT over `buckets`.
pub(super) fn query(sql: &Located) -> Outcome<Query> {
    if sql.text.len() > LETTERS {
        let fault = Fault::new(&codes::E001, format!("the SQL is longer than {LETTERS} letters"));
        return Err(fault.at(&sql.place).into());
    }
    let mut parser = parser(sql)?;
    if let Token::Word(word) = parser.peek_token().token
        && !["SELECT", "WITH"].contains(&word.value.to_uppercase().as_str())
    {
        return Err(refused(sql, "", format!("`{word}` is not a SELECT")));
    }
    let statement = parser.parse_statement().map_err(|error| unparsed(sql, &error))?;
    shallow(sql, &statement)?;
    select::nothing_after(&mut parser, sql)?;
    let Statement::Query(query) = statement else { return Err(refused(sql, "", "this is not a SELECT")) };
    let mut shape = Shape { sql, parts: parts(&query), faults: Faults::default() };
    let _ = Visit::visit(&*query, &mut shape);
    shape.expanded(&query);
    shape.faults.or(*query)
}

/// A refusal at the first `clause` keyword, or at the statement's first word.
fn refused(sql: &Located, clause: &str, message: impl Into<String>) -> Faults {
    Fault::new(&codes::E002, message).at(&place_of_word(sql, clause)).hint(HINT).into()
}

const HINT: &str = "write one SELECT over the table `buckets`";

/// Every `WITH name AS (…)` of the statement, wherever it stands.
fn parts(query: &Query) -> Vec<Cte> {
    struct Parts(Vec<Cte>);
    impl Visitor for Parts {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            self.0.extend(query.with.iter().flat_map(|with| with.cte_tables.iter().cloned()));
            ControlFlow::Continue(())
        }
    }
    let mut parts = Parts(Vec::new());
    let _ = Visit::visit(query, &mut parts);
    parts.0
}

struct Shape<'a> {
    sql: &'a Located,
    parts: Vec<Cte>,
    faults: Faults,
}

impl Visitor for Shape<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        let clauses = [
            (recursive, "RECURSIVE"),
            (query.limit_clause.is_some(), "LIMIT"),
            (query.fetch.is_some(), "FETCH"),
            (!query.locks.is_empty() || query.for_clause.is_some(), "FOR"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "a pipe operator"),
        ];
        for clause in clauses.into_iter().filter_map(|(stands, clause)| stands.then_some(clause)) {
            self.clause(clause);
        }
        self.set_expr(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let grouped_plainly = matches!(&select.group_by, GroupByExpr::Expressions(_, more) if more.is_empty());
        let clauses = [
            (matches!(select.distinct, Some(Distinct::On(_))), "DISTINCT ON"),
            (select.into.is_some(), "INTO"),
            (!grouped_plainly, "GROUP BY ALL or with a modifier"),
            (!select.named_window.is_empty(), "WINDOW"),
            (select.top.is_some(), "TOP"),
            (!select.lateral_views.is_empty(), "LATERAL"),
        ];
        let clause = clauses.into_iter().find_map(|(stands, clause)| stands.then_some(clause));
        if let Some(clause) = clause.or_else(|| (*select != rebuilt(select)).then_some("a clause of another SQL")) {
            self.clause(clause);
        }
        for join in select.from.iter().flat_map(|from| &from.joins) {
            self.join(&join.join_operator, join.global);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let plain = select::from_table(name.clone(), alias.clone()).relation;
                if *factor == plain {
                    self.table(name);
                } else {
                    self.refuse(name.span(), "FROM names a function or has options");
                }
            }
            TableFactor::Derived { lateral: false, sample: None, .. } => {}
            TableFactor::NestedJoin { table_with_joins, .. } => {
                for join in &table_with_joins.joins {
                    self.join(&join.join_operator, join.global);
                }
            }
            TableFactor::Derived { lateral: true, .. } => self.clause("LATERAL"),
            factor => self.refuse(factor.span(), "FROM names something other than a table or a SELECT"),
        }
        ControlFlow::Continue(())
    }
}

impl Shape<'_> {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        // A quoted text has no span of its own.
        let place =
            if span == Span::empty() { place_of_word(self.sql, "FROM") } else { place::of_token(self.sql, span) };
        self.faults.push(Fault::new(&codes::E002, message).at(&place).hint(HINT));
    }

    fn clause(&mut self, clause: &str) {
        let hint = match clause {
            "LIMIT" | "FETCH" | "TOP" | "DISTINCT ON" => "number the rows with row_number() OVER (…) and compare it",
            _ => HINT,
        };
        let fault = Fault::new(&codes::E002, format!("{clause} cannot stand in a query"));
        self.faults.push(fault.at(&place_of_word(self.sql, clause)).hint(hint));
    }

    /// What a query is made of; SELECTs in it are visited on their own.
    fn set_expr(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) => {}
            SetExpr::SetOperation { left, right, set_quantifier, .. } => {
                if !matches!(set_quantifier, SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None) {
                    self.clause("BY NAME");
                }
                self.set_expr(left);
                self.set_expr(right);
            }
            SetExpr::Values(_) => self.clause("VALUES"),
            _ => self.refuse(Span::empty(), "only a SELECT can stand here"),
        }
    }

    fn join(&mut self, operator: &JoinOperator, global: bool) {
        use JoinOperator as Join;
        let known = matches!(
            operator,
            Join::Join(_)
                | Join::Inner(_)
                | Join::Left(_)
                | Join::LeftOuter(_)
                | Join::Right(_)
                | Join::RightOuter(_)
                | Join::FullOuter(_)
                | Join::CrossJoin(_)
                | Join::LeftSemi(_)
                | Join::LeftAnti(_)
        );
        if !known || global {
            self.refuse(operator.span(), "this kind of join is no part of rule SQL");
        }
    }

    fn table(&mut self, name: &ObjectName) {
        let known = bare(name).is_some_and(|name| name == TABLE || self.named(&name).is_some());
        if known {
            return;
        }
        let names = self.parts.iter().map(|part| part.alias.name.value.as_str()).chain([TABLE]);
        let near = nearest(&name.to_string(), names).map(|near| format!("did you mean `{near}`?"));
        self.refuse(name.span(), format!("there is no table {name}; a query reads only `{TABLE}`"));
        if let (Some(near), Some(fault)) = (near, self.faults.0.last_mut()) {
            fault.hint = Some(near);
        }
    }

    fn named(&self, name: &str) -> Option<&Cte> {
        self.parts.iter().find(|part| spelled(&part.alias.name) == name)
    }

    /// Counts the SELECTs with every WITH written out.
    fn expanded(&mut self, query: &Query) {
        let mut names = vec![TABLE.to_owned()];
        for part in &self.parts {
            let name = spelled(&part.alias.name);
            if names.contains(&name) {
                let fault = Fault::new(&codes::E001, format!("the name `{name}` is already taken"));
                let place = place::of_token(self.sql, part.alias.name.span);
                self.faults.push(fault.at(&place).hint("give every WITH a name of its own"));
                return;
            }
            names.push(name);
        }
        let mut weights = Weights { parts: &self.parts, known: BTreeMap::new() };
        let all = weights.of(query);
        if all > SELECTS {
            let message = format!("the query comes to {all} SELECTs, at most {SELECTS} are planned");
            let hint = "a WITH counts once for every time it is named";
            self.faults.push(Fault::new(&codes::E008, message).at(&self.sql.place).hint(hint));
        }
    }
}

/// How many SELECTs each WITH stands for.
struct Weights<'a> {
    parts: &'a [Cte],
    known: BTreeMap<String, usize>,
}

impl Weights<'_> {
    /// SELECTs in `query`, those that its names stand for included.
    fn of(&mut self, query: &Query) -> usize {
        let mut weight = Weight { weights: self, all: 0, parts: 0 };
        let _ = Visit::visit(query, &mut weight);
        weight.all.saturating_sub(weight.parts)
    }

    fn of_name(&mut self, name: &str) -> usize {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let parts = self.parts;
        let Some(part) = parts.iter().find(|part| spelled(&part.alias.name) == name) else { return 0 };
        // A name within itself is unknown to the planner.
        self.known.insert(name.to_owned(), 0);
        let weight = self.of(&part.query);
        self.known.insert(name.to_owned(), weight);
        weight
    }
}

struct Weight<'a, 'b> {
    weights: &'a mut Weights<'b>,
    all: usize,
    /// What is met where a WITH is declared, not where it is named.
    parts: usize,
}

impl Visitor for Weight<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for part in query.with.iter().flat_map(|with| &with.cte_tables) {
            let weight = self.weights.of_name(&spelled(&part.alias.name));
            self.parts = self.parts.saturating_add(weight);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, _select: &Select) -> ControlFlow<()> {
        self.all = self.all.saturating_add(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = factor
            && let Some(name) = bare(name)
        {
            self.all = self.all.saturating_add(self.weights.of_name(&name));
        }
        ControlFlow::Continue(())
    }
}

/// The name of a table without a catalog or schema, as SQL compares it.
fn bare(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().filter(|name| name.quote_style != Some('\'')).map(spelled),
        _ => None,
    }
}

fn spelled(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// The SELECT that has only the clauses of `select` that a query may have.
fn rebuilt(select: &Select) -> Select {
    Select {
        select_token: select.select_token.clone(),
        optimizer_hints: Vec::new(),
        distinct: select.distinct.clone(),
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
        group_by: select.group_by.clone(),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: select.having.clone(),
        named_window: Vec::new(),
        qualify: select.qualify.clone(),
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}
