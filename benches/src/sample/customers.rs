//! Who buys: the invented customers of Ptarmigan, an invented video-conferencing provider, and where they sit.
//! Names and numbers are made up; tax codes are in the shape of real ones but their rates are only plausible.

/// A place with its money, taxes and clock.
pub(crate) struct Place {
    /// The tax jurisdiction, which is also the key of the place.
    pub(crate) code: &'static str,
    /// Two-letter country.
    pub(crate) country: &'static str,
    /// What accounts there pay in.
    pub(crate) currency: &'static str,
    /// IANA time zone of the account.
    pub(crate) timezone: &'static str,
    /// Usual hours from UTC, for office hours only.
    pub(crate) offset_hours: i64,
    /// The bridge that carries its calls.
    pub(crate) region: &'static str,
}

const fn place(
    code: &'static str,
    country: &'static str,
    currency: &'static str,
    timezone: &'static str,
    offset_hours: i64,
    region: &'static str,
) -> Place {
    Place { code, country, currency, timezone, offset_hours, region }
}

/// Every place where an account sits.
pub(crate) const PLACES: &[Place] = &[
    place("US-CO-DEN", "US", "USD", "America/Denver", -6, "us-west"),
    place("US-IL-CHI", "US", "USD", "America/Chicago", -5, "us-east"),
    place("US-NY-NYC", "US", "USD", "America/New_York", -4, "us-east"),
    place("US-TX-AUS", "US", "USD", "America/Chicago", -5, "us-west"),
    place("CA-ON", "CA", "CAD", "America/Toronto", -4, "us-east"),
    place("CA-QC", "CA", "CAD", "America/Toronto", -4, "us-east"),
    place("MX", "MX", "USD", "America/Mexico_City", -6, "us-west"),
    place("BR-SP", "BR", "USD", "America/Sao_Paulo", -3, "us-east"),
    place("GB", "GB", "GBP", "Europe/London", 1, "eu-central"),
    place("IE", "IE", "EUR", "Europe/Dublin", 1, "eu-central"),
    place("DE", "DE", "EUR", "Europe/Berlin", 2, "eu-central"),
    place("FR", "FR", "EUR", "Europe/Paris", 2, "eu-central"),
    place("NL", "NL", "EUR", "Europe/Amsterdam", 2, "eu-central"),
    place("ES", "ES", "EUR", "Europe/Madrid", 2, "eu-central"),
    place("PL", "PL", "EUR", "Europe/Warsaw", 2, "eu-central"),
    place("CH", "CH", "CHF", "Europe/Zurich", 2, "eu-central"),
    place("JP", "JP", "JPY", "Asia/Tokyo", 9, "ap-northeast"),
    place("KW", "KW", "KWD", "Asia/Kuwait", 3, "me-south"),
    place("AU-NSW", "AU", "AUD", "Australia/Sydney", 10, "ap-southeast"),
    place("IN-KA", "IN", "USD", "Asia/Kolkata", 5, "ap-southeast"),
    place("SG", "SG", "USD", "Asia/Singapore", 8, "ap-southeast"),
];

/// What an account is sold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Nothing of its own: it only holds the accounts below it.
    Holding,
    /// One personal room.
    Starter,
    /// A small office.
    Team,
    /// A large office.
    Enterprise,
}
use Tier::{Enterprise as E, Holding as H, Starter as S, Team as T};

/// A site below a customer: name, place, what it is sold, and the names of the contacts below it.
pub(crate) type Site = (&'static str, &'static str, Tier, &'static [&'static str]);

/// A customer with its sites.
pub(crate) struct Customer {
    /// Legal name.
    pub(crate) name: &'static str,
    /// The word its rooms begin with.
    pub(crate) slug: &'static str,
    /// Key of its place.
    pub(crate) place: &'static str,
    /// Kind of customer.
    pub(crate) segment: &'static str,
    /// What the head office is sold.
    pub(crate) tier: Tier,
    /// Its exemptions, in the words of the accounts table.
    pub(crate) exemptions: &'static str,
    /// Its negotiated discount, blank for none.
    pub(crate) discount: &'static str,
    /// Its sites.
    pub(crate) sites: &'static [Site],
}

const fn customer(
    name: &'static str,
    slug: &'static str,
    place: &'static str,
    segment: &'static str,
    tier: Tier,
    terms: (&'static str, &'static str),
    sites: &'static [Site],
) -> Customer {
    Customer { name, slug, place, segment, tier, exemptions: terms.0, discount: terms.1, sites }
}

/// Every customer.
pub(crate) const CUSTOMERS: &[Customer] = &[
    customer(
        "Northgale Freight Inc",
        "northgale",
        "US-CO-DEN",
        "corporate",
        H,
        ("", "12.5"),
        &[
            ("Northgale Denver Yard", "US-CO-DEN", E, &["Ines Calloway", "Tobias Renner"]),
            ("Northgale Chicago Hub", "US-IL-CHI", E, &["Marguerite Oduya"]),
            ("Northgale Toronto", "CA-ON", T, &[]),
            ("Northgale Rotterdam", "NL", T, &["Sander Vrolijk"]),
        ],
    ),
    customer(
        "Quillon Architects LLP",
        "quillon",
        "GB",
        "corporate",
        E,
        ("", "6.5"),
        &[("Quillon Leeds Studio", "GB", T, &["Priya Hartnell"]), ("Quillon Dublin Studio", "IE", T, &[])],
    ),
    customer(
        "Hoshizora Seiki KK",
        "hoshizora",
        "JP",
        "corporate",
        E,
        ("", "8"),
        &[
            ("Hoshizora Nagoya Plant", "JP", E, &[]),
            ("Hoshizora Osaka Sales", "JP", T, &["Keiko Tanabe"]),
            ("Hoshizora Europe", "DE", T, &["Jonas Feldkamp"]),
        ],
    ),
    customer(
        "Al Marjan Shipping WLL",
        "almarjan",
        "KW",
        "corporate",
        E,
        ("", ""),
        &[("Al Marjan Shuwaikh Port", "KW", T, &[]), ("Al Marjan London Desk", "GB", T, &[])],
    ),
    customer(
        "Weststern Universität",
        "weststern",
        "DE",
        "education",
        E,
        ("all", "15"),
        &[
            ("Weststern Physics Campus", "DE", E, &["Anneliese Brandt", "Yusuf Demir"]),
            ("Weststern Law Campus", "DE", T, &["Carla Wiesinger"]),
            ("Weststern Extension School", "DE", T, &[]),
        ],
    ),
    customer(
        "Bluefern Health Trust",
        "bluefern",
        "AU-NSW",
        "public",
        E,
        ("", "5"),
        &[("Bluefern Sydney Clinic", "AU-NSW", T, &["Oscar Pell"]), ("Bluefern Outback Telehealth", "AU-NSW", T, &[])],
    ),
    customer(
        "Maple & Finch Publishing, Inc",
        "maplefinch",
        "CA-QC",
        "corporate",
        T,
        ("", ""),
        &[("Maple & Finch Toronto", "CA-ON", T, &["Delphine Roy"]), ("Maple & Finch New York", "US-NY-NYC", S, &[])],
    ),
    customer(
        "Cantera Solar SA",
        "cantera",
        "ES",
        "corporate",
        E,
        ("", "7.25"),
        &[
            ("Cantera Sevilla Field", "ES", T, &[]),
            ("Cantera México", "MX", T, &["Rocío Belmonte"]),
            ("Cantera São Paulo", "BR-SP", T, &[]),
        ],
    ),
    customer(
        "Helvetia Stille Bank AG",
        "stille",
        "CH",
        "finance",
        E,
        ("", ""),
        &[("Stille Geneva", "CH", E, &["Noémi Aeschbacher"]), ("Stille Singapore", "SG", T, &[])],
    ),
    customer(
        "Prairie Lantern School District",
        "lantern",
        "US-IL-CHI",
        "education",
        E,
        ("city_sales;state_sales", "10"),
        &[
            ("Lantern North High", "US-IL-CHI", T, &["Walt Szymanski"]),
            ("Lantern South High", "US-IL-CHI", T, &[]),
            ("Lantern Adult Learning", "US-IL-CHI", S, &[]),
        ],
    ),
    customer(
        "Kestrel Loom Software",
        "kestrel",
        "US-TX-AUS",
        "startup",
        T,
        ("", ""),
        &[("Kestrel Bengaluru", "IN-KA", T, &["Anjali Rao"])],
    ),
    customer(
        "Brouwer Bloemen BV",
        "brouwer",
        "NL",
        "small business",
        T,
        ("", ""),
        &[("Brouwer Aalsmeer Auction", "NL", S, &[])],
    ),
    customer(
        "Ardoise Conseil SAS",
        "ardoise",
        "FR",
        "corporate",
        E,
        ("", "4.75"),
        &[("Ardoise Lyon", "FR", T, &["Baptiste Morel"]), ("Ardoise Montreal", "CA-QC", T, &[])],
    ),
    customer("Wisła Robotics Sp. z o.o.", "wisla", "PL", "startup", T, ("", ""), &[("Wisła Kraków Lab", "PL", T, &[])]),
    customer("Saltmarsh Community Radio", "saltmarsh", "GB", "nonprofit", S, ("all", "20"), &[]),
    customer(
        "Gobi Lane Studios",
        "gobilane",
        "SG",
        "media",
        E,
        ("", ""),
        &[("Gobi Lane Tokyo Edit", "JP", T, &[]), ("Gobi Lane Austin Edit", "US-TX-AUS", T, &["Hector Villalobos"])],
    ),
    customer(
        "Thornbury Legal PLLC",
        "thornbury",
        "US-NY-NYC",
        "corporate",
        T,
        ("", ""),
        &[("Thornbury Denver", "US-CO-DEN", T, &["Imogen Thornbury"])],
    ),
    customer(
        "Dar Al Noor Clinics",
        "daralnoor",
        "KW",
        "health",
        T,
        ("", ""),
        &[("Dar Al Noor Salmiya", "KW", T, &[]), ("Dar Al Noor Jahra", "KW", T, &[])],
    ),
    customer(
        "Umi no Hana Travel",
        "uminohana",
        "JP",
        "small business",
        T,
        ("", ""),
        &[("Umi no Hana Sapporo", "JP", T, &[])],
    ),
    customer("Ridgeline Outfitters", "ridgeline", "US-CO-DEN", "small business", S, ("", ""), &[]),
    customer(
        "Clonmore Dairy Co-op",
        "clonmore",
        "IE",
        "small business",
        T,
        ("", ""),
        &[("Clonmore Cork Creamery", "IE", S, &["Aoife Hanrahan"])],
    ),
    customer(
        "Office of the River Commissioner",
        "rivercom",
        "US-CO-DEN",
        "public",
        T,
        ("all", ""),
        &[("River Commission Field Team", "US-CO-DEN", T, &[])],
    ),
    customer(
        "Banksia Mutual",
        "banksia",
        "AU-NSW",
        "finance",
        E,
        ("", "9.99"),
        &[
            ("Banksia Contact Centre", "AU-NSW", E, &["Mitchell Okafor"]),
            ("Banksia Newcastle Liaison", "AU-NSW", S, &[]),
        ],
    ),
    customer(
        "Lumen Orchard Games",
        "lumenorchard",
        "CA-ON",
        "media",
        E,
        ("", ""),
        &[("Lumen Orchard Quebec", "CA-QC", T, &["Félix Gagnon"]), ("Lumen Orchard Berlin", "DE", T, &[])],
    ),
];
