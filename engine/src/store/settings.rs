//! What of the environment decides how stores are reached, for people who ask which keys a run would use. Secrets never
//! leave this file.

use std::str::FromStr;

use object_store::aws::AmazonS3ConfigKey;

use super::s3::ENDPOINTS;

/// A variable of the environment, or what holds without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is called: the variable.
    pub name: String,
    /// Its value; `***` for what gives access.
    pub value: String,
    /// Whether the variable is set.
    pub is_set: bool,
}

/// What is shown instead of a secret.
pub const HIDDEN: &str = "***";

/// The settings of the stores that `locations` lie in, by name.
#[must_use]
pub fn settings(locations: &[&str]) -> Vec<Setting> {
    let uses = |scheme: &str| locations.iter().any(|location| location.starts_with(scheme));
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        // The client reads every variable of this kind whose name it knows.
        let of_s3 = name.starts_with("AWS_") && AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()).is_ok();
        let of_gs = uses("gs://") && name.starts_with("GOOGLE_");
        let of_az = uses("az://") && name.starts_with("AZURE_");
        if of_s3 && uses("s3://") || of_gs || of_az {
            found.push(Setting { name: name.to_owned(), value: shown(name, value), is_set: true });
        }
    }
    if uses("s3://") {
        let is_set = |names: &[&str], found: &[Setting]| found.iter().any(|one| names.contains(&one.name.as_str()));
        for (names, name, value) in [
            (&ENDPOINTS[..], "AWS_ENDPOINT", "that of the region"),
            (&["AWS_REGION", "AWS_DEFAULT_REGION"], "AWS_REGION", "us-east-1"),
            (&["AWS_ACCESS_KEY_ID"], "AWS_ACCESS_KEY_ID", "none: those of the machine"),
        ] {
            if !is_set(names, &found) {
                found.push(Setting { name: name.to_owned(), value: value.to_owned(), is_set: false });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The value as it may be shown: addresses, regions and switches as they are, all else hidden.
#[must_use]
pub fn shown(name: &str, value: &str) -> String {
    let name = name.to_ascii_uppercase();
    let secret =
        ["SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "KEY", "SAS", "AUTH"].iter().any(|part| name.contains(part));
    // An address can hold a name and a password before its host.
    let address =
        value.split_once("://").filter(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')));
    match (secret, address) {
        (true, _) => HIDDEN.to_owned(),
        (_, Some((scheme, rest))) => {
            format!("{scheme}://{HIDDEN}@{}", rest.split_once('@').map_or("", |(_, rest)| rest))
        }
        _ => value.to_owned(),
    }
}

/// The text without any secret that the environment holds.
#[must_use]
pub(super) fn without_secrets(text: String) -> String {
    let of_stores = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|start| name.starts_with(start));
    let secrets =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let secrets = secrets.filter(|(name, value)| of_stores(name) && value.len() > 3 && shown(name, value) == HIDDEN);
    secrets.fold(text, |text, (_, secret)| text.replace(&secret, HIDDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_access_is_hidden() {
        for name in
            ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_SAS", "GOOGLE_CREDENTIALS", "db_password"]
        {
            assert_eq!(shown(name, "x"), HIDDEN, "{name}");
        }
        assert_eq!(shown("AWS_REGION", "eu-1"), "eu-1");
        assert_eq!(shown("AWS_ENDPOINT", "https://me:pw@s3.example.com/x"), "https://***@s3.example.com/x");
    }
}
