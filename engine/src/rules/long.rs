//! Functions that make long texts of short ones, and how long a text they may make.
//!
//! Separate, because `replace` in `replace` multiplies: a rule of one line could fill the memory of the machine, when it is
//! read (constants are computed then) as well as when it runs. So the length is known before the text is made. A text that
//! grows no longer than it was is never refused: usage files may hold long ones.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::functions::{regex, string};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::decimal::signature;

/// The longest text a function may make of shorter ones, in bytes.
const LONGEST: usize = 4096;

/// How many times that long the bound of `regexp_replace` may be: hardly ever every place matches.
const LOOSE: usize = 32;

/// `replace`, `regexp_replace`, `concat` and `concat_ws`.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let bounded = [
        (string::replace(), Growth::Replace),
        (regex::regexp_replace(), Growth::Pattern),
        (string::concat(), Growth::Join),
        (string::concat_ws(), Growth::Separate),
    ];
    bounded.map(|(inner, growth)| Arc::new(ScalarUDF::from(Bounded { inner, growth }))).into()
}

/// What `||` gives, when it is not too long. Two texts that are not give one that is at most twice that long.
pub(super) fn joined() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Joined { signature: signature() }))
}

/// How long the result is, by the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    Replace,
    Pattern,
    Join,
    Separate,
}

impl Growth {
    /// An upper bound of the result's length; exact but for patterns.
    fn length(self, texts: &[&str]) -> usize {
        let all = || texts.iter().map(|text| text.len()).sum::<usize>();
        match (self, texts) {
            (Self::Replace, [text, from, to]) => {
                let found = text.matches(from).count();
                (text.len() - found * from.len()).saturating_add(found.saturating_mul(to.len()))
            }
            // Every place between two letters may match, and every group be put in again.
            (Self::Pattern, [text, _, with, ..]) => {
                let groups = with.matches(['$', '\\']).count();
                let fixed = (text.len() + 1).saturating_mul(with.len());
                let most = fixed.saturating_add(text.len().saturating_mul(groups + 1));
                if most > LONGEST * LOOSE { most } else { 0 }
            }
            (Self::Separate, [separator, ..]) => all().saturating_add(separator.len().saturating_mul(texts.len())),
            _ => all(),
        }
    }

    /// A quick upper bound by the greatest length of each argument.
    fn most(self, lengths: &[usize]) -> usize {
        let all = || lengths.iter().sum::<usize>();
        match (self, lengths) {
            (Self::Replace | Self::Pattern, [text, _, with, ..]) => (text + 1).saturating_mul(with + 1),
            (Self::Separate, [separator, ..]) => all().saturating_add(separator.saturating_mul(lengths.len())),
            _ => all(),
        }
    }

    fn check(self, name: &str, args: &[ColumnarValue], rows: usize) -> Result<()> {
        let lengths = args.iter().map(|arg| longest(&array(arg)?)).collect::<Result<Vec<_>>>()?;
        if self.most(&lengths) <= LONGEST {
            return Ok(());
        }
        let texts = args.iter().map(texts).collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            let row: Vec<&str> = texts.iter().map(|texts| at(texts, row)).collect();
            let before = row.iter().map(|text| text.len()).max().unwrap_or(0);
            if self.length(&row) > LONGEST.max(before) {
                return exec_err!("`{name}`: a text longer than {LONGEST} bytes");
            }
        }
        Ok(())
    }
}

/// One value for all rows, or one per row.
fn array(value: &ColumnarValue) -> Result<ArrayRef> {
    match value {
        ColumnarValue::Scalar(scalar) => scalar.to_array(),
        ColumnarValue::Array(array) => Ok(Arc::clone(array)),
    }
}

fn texts(value: &ColumnarValue) -> Result<StringArray> {
    Ok(cast(&array(value)?, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// The length of the longest text; of a dictionary, only its words are looked at.
fn longest(array: &ArrayRef) -> Result<usize> {
    match array.data_type() {
        DataType::Dictionary(_, _) => longest(array.as_any_dictionary().values()),
        DataType::Utf8 => Ok(array.as_string::<i32>().offsets().lengths().max().unwrap_or(0)),
        _ => longest(&cast(array, &DataType::Utf8)?),
    }
}

fn at(texts: &StringArray, row: usize) -> &str {
    let row = if texts.len() == 1 { 0 } else { row };
    if texts.is_null(row) { "" } else { texts.value(row) }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(kinds)
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        self.inner.return_type(kinds)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.growth.check(self.name(), &args.args, args.number_rows)?;
        // The bound of a pattern is a loose one, so what it makes is looked at as well.
        let first = args.args.first().filter(|_| self.growth == Growth::Pattern).cloned();
        let made = self.inner.invoke_with_args(args)?;
        match first {
            Some(first) => short(self.name(), &[first], made),
            None => Ok(made),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    signature: Signature,
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &str {
        "joined"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        Ok(kinds.to_vec())
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        Ok(kinds.first().cloned().unwrap_or(DataType::Utf8))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.pop() {
            Some(made) => short("||", &[], made),
            None => exec_err!("`||` takes two texts"),
        }
    }
}

/// `made`, when none of its texts is too long and longer than the text of its row in `before`.
fn short(name: &str, before: &[ColumnarValue], made: ColumnarValue) -> Result<ColumnarValue> {
    if longest(&array(&made)?)? > LONGEST {
        let result = texts(&made)?;
        let before = before.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let grown = |row: usize| {
            let before = before.iter().map(|texts| at(texts, row).len()).max().unwrap_or(0);
            at(&result, row).len() > LONGEST.max(before)
        };
        if (0..result.len()).any(grown) {
            return exec_err!("`{name}`: a text longer than {LONGEST} bytes");
        }
    }
    Ok(made)
}
