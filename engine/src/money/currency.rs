//! Currencies by their ISO 4217 code and the digits of their minor unit.

/// Digits after the point of the currency's minor unit (ISO 4217:2015, list one); `None` for an unknown code.
#[must_use]
pub fn minor_digits(code: &str) -> Option<u32> {
    // Each list is sorted, and its codes stand four bytes apart.
    let in_list = |list: &str| {
        let (mut low, mut high) = (0, list.len().div_ceil(4));
        while low < high {
            let middle = usize::midpoint(low, high);
            match list.get(middle * 4..middle * 4 + 3).map(|known| known.cmp(code)) {
                Some(std::cmp::Ordering::Less) => low = middle + 1,
                Some(std::cmp::Ordering::Equal) => return true,
                _ => high = middle,
            }
        }
        false
    };
    match () {
        () if in_list(NO_DIGITS) => Some(0),
        () if in_list(THREE_DIGITS) => Some(3),
        () if in_list(FOUR_DIGITS) => Some(4),
        () if in_list(TWO_DIGITS) => Some(2),
        () => None,
    }
}

/// Whether `code` is one of ISO 4217 that has no minor unit: metals, funds and what stands for no currency.
#[must_use]
pub fn is_without_minor_unit(code: &str) -> bool {
    ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"].contains(&code)
}

const NO_DIGITS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR_DIGITS: &str = "CLF UYW";
const TWO_DIGITS: &str = "\
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY \
COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR \
IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD \
NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP \
SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_follow_iso_4217() {
        assert_eq!(minor_digits("JPY"), Some(0));
        assert_eq!(minor_digits("USD"), Some(2));
        assert_eq!(minor_digits("KWD"), Some(3));
        assert_eq!(minor_digits("CLF"), Some(4));
        for list in [NO_DIGITS, THREE_DIGITS, FOUR_DIGITS, TWO_DIGITS] {
            let codes: Vec<&str> = list.split(' ').collect();
            assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 3 && minor_digits(code).is_some()));
        }
        assert_eq!(minor_digits("usd"), None);
        assert_eq!(minor_digits("BTC"), None);
    }
}
