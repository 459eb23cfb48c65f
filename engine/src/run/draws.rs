//! What usage draws on allowances: whose usage comes first, from which grants it draws, what is left to be priced, and
//! which line each draw is on.

use hashbrown::HashMap;

use super::itemised::{LineKey, covered_records};
use super::rater::{Piece, Rater, Sharing};
use super::witness::Seen;
use crate::allowance::{Covered, Pools};
use crate::book::model::Model;
use crate::catalog::{Drawer, Payer, Source};
use crate::fault::{Fault, Outcome};
use crate::lines::{Band, Line, LineKind, Part, Portion};
use crate::money::Decimal;
use crate::rate::without;

/// By subscription and position of the stretch: what allowances leave of its usage.
pub(super) type After = HashMap<(u32, u16), Left>;

/// What allowances leave of usage.
#[derive(Debug)]
pub(super) struct Left {
    /// What is to be priced.
    pub(super) portions: Vec<Portion>,
    /// Whether allowances have lines of it.
    pub(super) covered: bool,
}

/// What a line has drawn from a grant, before it is known where the line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineDraw {
    pub(super) line: LineKey,
    pub(super) grant: u32,
    pub(super) quantity: Decimal,
    pub(super) amount: Decimal,
}

/// What a line has drawn from a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DrawRow {
    /// Position of the line.
    pub(super) line: u32,
    pub(super) grant: u32,
    pub(super) quantity: Decimal,
    pub(super) amount: Decimal,
}

/// Usage of one stretch that draws.
struct Drawing<'s, 'r> {
    sharing: &'s Sharing<'r>,
    number: u16,
    subscription: u32,
    /// Position of what it draws on.
    on: usize,
    portions: Vec<Portion>,
}

impl Rater<'_> {
    /// What allowances leave of the usage of one charge, for everybody in the unit who has any; what they cover becomes
    /// lines. Usage at prices that hold earlier draws first, then in order of subscriptions.
    pub(super) fn after_allowances(&self, sharings: &[Sharing<'_>], piece: &mut Piece) -> Outcome<After> {
        let (mut after, mut sources) = (After::new(), Vec::new());
        let Some(meter) = sharings.first().and_then(|sharing| self.job.book.charges[sharing.charge].meter) else {
            return Ok(after);
        };
        if self.job.catalog.grants.has_none(false) {
            return Ok(after);
        }
        let mut drawings = Vec::new();
        for sharing in sharings {
            for subscription in &sharing.subscriptions {
                let Some(own) = self.sources(*subscription, (sharing.charge, meter), false) else { continue };
                sources.push(own);
                self.drawings(sharing, meter, (*subscription, sources.len() - 1), &mut drawings);
            }
        }
        drawings.sort_by_key(|own| (own.sharing.stretches[usize::from(own.number)].days.start, own.subscription));
        let mut pools = Pools::default();
        for drawing in drawings {
            let key = (drawing.subscription, drawing.number);
            let (own, payer) = &sources[drawing.on];
            after.insert(key, self.draw(drawing, own, *payer, &mut pools, piece)?);
        }
        Ok(after)
    }

    /// What the usage of a charge draws on, and with whom it shares what is not covered.
    pub(super) fn sources(
        &self,
        subscription: u32,
        (charge, meter): (usize, usize),
        amounts: bool,
    ) -> Option<(Vec<Source>, Payer)> {
        let (catalog, reference) = (self.job.catalog, self.job.reference);
        let offer = catalog.offer(subscription);
        catalog.grants.sources(&Drawer { reference, subscription, offer, charge, meter, amounts })
    }

    /// The usage of a subscription, stretch by stretch. Queries see the buckets as they are.
    fn drawings<'s, 'r>(
        &self,
        sharing: &'s Sharing<'r>,
        meter: usize,
        (subscription, on): (u32, usize),
        drawings: &mut Vec<Drawing<'s, 'r>>,
    ) {
        for ((number, stretch), price) in (0_u16..).zip(sharing.stretches).zip(&sharing.prices) {
            if matches!(price.model, Model::Sql { .. }) {
                continue;
            }
            // Sums that do not fit are told where they are priced.
            let portions = self.cube.portions(subscription, &sharing.wanted(meter, number, stretch, price));
            if let Some(portions) = portions.filter(|portions| !portions.is_empty()) {
                drawings.push(Drawing { sharing, number, subscription, on, portions });
            }
        }
    }

    /// Draws; what is left of the portions.
    fn draw(
        &self,
        drawing: Drawing<'_, '_>,
        sources: &[Source],
        payer: Payer,
        pools: &mut Pools,
        piece: &mut Piece,
    ) -> Outcome<Left> {
        let Drawing { sharing, portions: before, .. } = drawing;
        let mut portions = before.clone();
        let covered = pools.draw(sources, payer, &mut portions)?;
        if self.job.catalog.itemised[sharing.charge] {
            piece.records.extend(covered_records((sharing.charge, &sharing.prices), &before, &portions));
        }
        if let Some(witness) = &mut piece.witness {
            let (charge, sources) = (sharing.charge, sources.to_vec());
            witness.push(Seen::Drawn { charge, sources, payer, portions: before.clone(), covered: covered.clone() });
        }
        if covered.parts.is_empty() {
            return Ok(Left { portions, covered: false });
        }
        let lines = piece.lines.len();
        self.add_covered(sharing, &before, &covered, piece)?;
        let covered = piece.lines.len() > lines;
        let rest = before.iter().zip(&portions).filter(|(_, left)| !left.quantity.is_zero()).map(|(whole, left)| {
            let price = sharing.prices[usize::from(whole.stretch)];
            whole.quantity.minus(left.quantity).and_then(|covered| without(price, whole, covered))
        });
        let rest: Option<Vec<Portion>> = rest.collect();
        let portions = rest.ok_or_else(|| Fault::ours("what an allowance leaves does not fit"))?;
        Ok(Left { portions, covered })
    }

    /// The lines of what is covered, and what they have drawn.
    fn add_covered(
        &self,
        sharing: &Sharing<'_>,
        portions: &[Portion],
        covered: &Covered,
        piece: &mut Piece,
    ) -> Outcome<()> {
        for part in &covered.parts {
            piece.given.push((sharing.charge, part.quantity));
        }
        // What was covered and taken back again leaves no line, but where its records are published.
        let itemised = self.job.catalog.itemised[sharing.charge];
        let stays = |part: &Part| {
            let published = || sharing.prices[usize::from(portions[part.portion].stretch)].itemise;
            !part.quantity.is_zero() || (itemised && published())
        };
        let start = piece.lines.len();
        let kept: Vec<Part> = covered.parts.iter().copied().filter(stays).collect();
        self.add_parts(sharing, LineKind::Allowance, portions, &kept, piece)?;
        let mut made = piece.lines[start..].iter().map(key);
        let lines: Vec<Option<LineKey>> =
            covered.parts.iter().map(|part| if stays(part) { made.next() } else { None }).collect();
        for draw in &covered.draws {
            let line = lines.get(draw.part).ok_or_else(|| Fault::ours("a draw without a line"))?;
            // Nothing was drawn in the end.
            let Some(line) = line.filter(|_| !draw.quantity.is_zero()) else { continue };
            let (quantity, amount) = (draw.quantity, Decimal::ZERO);
            piece.draws.push(LineDraw { line, grant: draw.grant, quantity, amount });
        }
        Ok(())
    }
}

/// What makes a line.
pub(super) fn key(line: &Line) -> LineKey {
    (line.subscription, line.charge, line.kind, line.group, line.stretch, line.band)
}

/// The draws with the positions of their lines, in order of the lines; of one line in the order they were made.
pub(super) fn of_lines(draws: Vec<LineDraw>, lines: &[Line]) -> Outcome<Vec<DrawRow>> {
    if draws.is_empty() {
        return Ok(Vec::new());
    }
    let covered = |line: &&Line| line.kind == LineKind::Allowance && line.band != Band::Free;
    let places: HashMap<LineKey, u32> =
        (0..).zip(lines).filter(|(_, line)| covered(line)).map(|(at, line)| (key(line), at)).collect();
    let placed = |draw: LineDraw| {
        let LineDraw { line, grant, quantity, amount } = draw;
        places.get(&line).map(|line| DrawRow { line: *line, grant, quantity, amount })
    };
    let placed: Option<Vec<DrawRow>> = draws.into_iter().map(placed).collect();
    let mut placed = placed.ok_or_else(|| Fault::ours("a draw on an allowance has no line"))?;
    placed.sort_by_key(|draw| draw.line);
    Ok(placed)
}
