//! An S3 bucket from the `AWS_*` variables of the environment.
//!
//! What stands in them is looked at first: the client takes any text for an endpoint, a bucket or a key and breaks off on
//! it only when it asks the server, where it could not be told from a fault of Ratemill.

use object_store::aws::{AmazonS3, AmazonS3Builder};
use url::Url;

/// The variables an endpoint can stand in; the first counts.
pub(super) const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"];
/// The variables that are sent as part of a header.
const WORDS: [&str; 5] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"];

/// The bucket; plain-http endpoints are allowed when one is named, as local servers use them.
///
/// # Errors
/// Why it cannot be used, in words that never show a key.
pub(super) fn bucket(bucket: &str) -> Result<AmazonS3, String> {
    if let Some(odd) = bucket.chars().find(|letter| !letter.is_ascii_alphanumeric() && !"-._".contains(*letter)) {
        return Err(format!("no bucket has `{}` in its name", odd.escape_default()));
    }
    let variable = |name: &&'static str| std::env::var(name).ok().map(|value| (*name, value));
    for (name, value) in WORDS.iter().filter_map(variable) {
        word(name, &value)?;
    }
    let mut plain = false;
    if let Some((name, endpoint)) = ENDPOINTS.iter().find_map(variable) {
        plain = server(name, &endpoint)?.scheme() == "http";
    }
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let builder = if plain { builder.with_allow_http(true) } else { builder };
    builder.build().map_err(|cause| cause.to_string())
}

fn word(name: &str, value: &str) -> Result<(), String> {
    if value.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(format!("the environment variable {name} has a space or a line break in it"));
    }
    Ok(())
}

fn server(name: &str, endpoint: &str) -> Result<Url, String> {
    let url = Url::parse(endpoint).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    url.ok_or_else(|| {
        format!("the environment variable {name} is `{endpoint}` and not an address such as http://localhost:8333")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_of_a_server() {
        for good in ["http://localhost:8333", "https://s3.example.com", "http://[::1]:9000/", "https://h/below"] {
            assert!(server("AWS_ENDPOINT", good).is_ok(), "{good}");
        }
        for bad in ["localhost:8333", "nonsense", "http://", "ftp://host", "http://[::1", "http://host:99999", ""] {
            let told = server("AWS_ENDPOINT", bad).unwrap_err();
            assert!(told.contains("AWS_ENDPOINT is `"), "{told}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_told_and_not_shown() {
        assert_eq!(word("AWS_REGION", "us-east-1"), Ok(()));
        for bad in ["geheim\n", " geheim", "geh\u{0}eim"] {
            let told = word("AWS_ACCESS_KEY_ID", bad).unwrap_err();
            assert!(told.contains("AWS_ACCESS_KEY_ID") && !told.contains("geh"), "{told}");
        }
    }

    #[test]
    fn a_bucket_is_called_like_a_bucket() {
        for bad in ["a b", "ü", "a\nb", "a?b"] {
            assert!(bucket(bad).unwrap_err().starts_with("no bucket has `"), "{bad}");
        }
    }
}
