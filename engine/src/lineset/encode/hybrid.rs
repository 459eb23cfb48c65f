//! Parquet's encoding of small numbers: runs of one number, and numbers packed to their bits.

/// Levels of 0 and 1, behind the length of their encoding.
pub(super) fn level_block(levels: &[u32], out: &mut Vec<u8>) {
    let at = out.len();
    out.extend([0; 4]);
    hybrid(levels, 1, out);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Parquet's RLE and bit-packing hybrid: runs of 8 and more as such, everything between them packed in groups of 8.
pub(super) fn hybrid(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if width == 0 && !values.is_empty() {
        // There is one value only: a run of no bytes.
        return varint(values.len() << 1, out);
    }
    let (mut packed_from, mut at) = (0, 0);
    while let Some(value) = values.get(at) {
        let run = values[at..].iter().take_while(|next| *next == value).count();
        // A packed group is filled up from the run before the run begins.
        let fill = (8 - (at - packed_from) % 8) % 8;
        if run >= fill + 8 {
            pack(&values[packed_from..at + fill], width, out);
            varint((run - fill) << 1, out);
            out.extend(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
            packed_from = at + run;
        }
        at += run;
    }
    pack(&values[packed_from..], width, out);
}

fn pack(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint(groups << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    let (mut bits, mut held) = (0_u64, 0_u32);
    for value in values {
        bits |= u64::from(*value) << held;
        held += u32::from(width);
        if held >= 32 {
            out.extend(&bits.to_le_bytes()[..4]);
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend(&bits.to_le_bytes()[..usize::try_from(held.div_ceil(8)).unwrap_or(8)]);
    out.resize(end, 0);
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = (number & 0x7F).to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        let take = |bytes: &mut &[u8], count: usize| {
            let (head, rest) = bytes.split_at(count);
            *bytes = rest;
            head.to_vec()
        };
        while values.len() < count {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let byte = take(&mut bytes, 1)[0];
                header |= usize::from(byte & 0x7F) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let mut value = [0; 4];
                let held = take(&mut bytes, usize::from(width.div_ceil(8)));
                value[..held.len()].copy_from_slice(&held);
                values.extend(vec![u32::from_le_bytes(value); header >> 1]);
            } else {
                let packed = take(&mut bytes, (header >> 1) * usize::from(width));
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let width = usize::from(width);
                let value = |at: usize| (0..width).map(|low| bit(at * width + low) << low).sum::<u32>();
                values.extend((0..(header >> 1) * 8).map(value));
            }
        }
        assert!(bytes.is_empty());
        values.truncate(count);
        values
    }

    #[test]
    fn runs_and_packed_numbers_come_back() {
        for width in [1_u8, 3, 8, 9, 17, 31] {
            let largest = (1_u64 << width) - 1;
            for lengths in [&[1_usize][..], &[8], &[7, 9, 1], &[3, 20, 5, 8, 1, 16], &[2, 6, 15, 100, 1, 1, 1], &[1000]]
            {
                let mut values: Vec<u32> = Vec::new();
                for (at, length) in lengths.iter().enumerate() {
                    let value = u32::try_from((at as u64 * 0x9E37_79B9 + 1) % (largest + 1)).unwrap();
                    values.extend(vec![value; *length]);
                }
                let mut bytes = Vec::new();
                hybrid(&values, width, &mut bytes);
                assert_eq!(unpacked(&bytes, width, values.len()), values, "{width} {lengths:?}");
            }
        }
        let mut bytes = Vec::new();
        hybrid(&[0; 5], 0, &mut bytes);
        assert_eq!(bytes, [10]);
    }
}
