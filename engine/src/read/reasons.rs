//! Why a usage record cannot be read: every reason the reading room gives, in one table, stable so that suspense can
//! be counted and searched by it. Later rooms have reasons of their own; a fault of the file itself is a `U` code.

macro_rules! reasons {
    ($($id:ident $code:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $id: &str = $code;)*
        /// Every reason with its meaning, in the order they are documented.
        pub const ALL: &[(&str, &str)] = &[$(($id, $meaning)),*];
    };
}

reasons! {
    ROW_TOO_LONG "row_too_long" "The row or line is longer than `limits.row_bytes`; its raw text is cut there and reading goes on at the next line.";
    BAD_QUOTE "bad_quote" "A quoted CSV field is never closed, or goes on after its closing quote; only this line is set aside.";
    MISSING_FIELD "missing_field" "The CSV row ends before this column, or the JSON object lacks this key and the column is not optional.";
    EXTRA_FIELD "extra_field" "The CSV row has more fields than the header, and they are not blank.";
    NOT_JSON "not_json" "The line is not well-formed JSON.";
    NOT_AN_OBJECT "not_an_object" "The line is JSON, but not an object.";
    DUPLICATE_KEY "duplicate_key" "A declared key stands twice in the JSON object.";
    NOT_A_SCALAR "not_a_scalar" "The value is a JSON array or object.";
    NOT_UTF8 "not_utf8" "The field (JSON: the line) is not valid UTF-8.";
    NUL_BYTE "nul_byte" "The field holds a NUL byte.";
    NOT_AN_INTEGER "not_an_integer" "The field is not a whole number written in digits.";
    INTEGER_OUT_OF_RANGE "integer_out_of_range" "The whole number does not fit 64 bits.";
    NOT_A_DECIMAL "not_a_decimal" "The field is not a decimal number (NaN and Infinity included).";
    DECIMAL_TOO_PRECISE "decimal_too_precise" "The number has more digits after the point than the declared scale; nothing is rounded here.";
    DECIMAL_OUT_OF_RANGE "decimal_out_of_range" "The number has more digits before the point than declared (at most 20).";
    NOT_A_BOOL "not_a_bool" "The field is not `true`, `false`, `1` or `0`.";
    NOT_A_DATE "not_a_date" "The field is not a date written YYYY-MM-DD.";
    NOT_A_TIMESTAMP "not_a_timestamp" "The field is not a time written as in RFC 3339 / ISO 8601 (the offset may be left out); second 60 is none.";
    SKIPPED_LOCAL_TIME "skipped_local_time" "The local time does not exist in the declared zone: a clock change skips it.";
}
