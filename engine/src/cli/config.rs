//! `ratemill config show`.

use std::sync::Mutex;

use serde::Serialize;

use super::arguments::{ConfigArguments, ConfigCommand, Format, LogFormat, ShowArguments};
use super::{Ending, talk};
use crate::fault::{Located, Outcome, Place};
use crate::pipeline;
use crate::pipeline::model::Pipeline;
use crate::store::settings::{settings, shown};

/// Something a run would go by.
#[derive(Debug, Serialize)]
struct Setting {
    setting: String,
    value: String,
    /// Where the value is from.
    origin: String,
}

const DEFAULT: &str = "default";

/// Shows what a run would go by.
///
/// # Errors
/// All faults of the pipeline file.
pub(super) async fn carry_out(arguments: &ConfigArguments, log_format: LogFormat, format: Format) -> Outcome<Ending> {
    let ConfigCommand::Show(show) = &arguments.command;
    let asked = Mutex::new(Vec::new());
    let environment = |name: &str| {
        let mut asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !asked.iter().any(|known| known == name) {
            asked.push(name.to_owned());
        }
        std::env::var(name).ok()
    };
    let pipeline = pipeline::load(&show.pipeline, &environment).await?;
    let mut found = of_run(show, &pipeline, log_format);
    found.extend(of_files(&pipeline));
    let asked = asked.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.extend(asked.iter().map(|name| substituted(name, &pipeline.output.place)));
    let places: Vec<&str> = found.iter().map(|setting| setting.value.as_str()).collect();
    let stores = settings(&places).into_iter().map(|setting| Setting {
        origin: if setting.is_set { format!("environment variable {}", setting.name) } else { DEFAULT.to_owned() },
        setting: setting.name,
        value: setting.value,
    });
    let stores: Vec<Setting> = stores.collect();
    found.extend(stores);
    match format {
        Format::Json => talk::json(&serde_json::json!({ "settings": found }))?,
        Format::Text => talk::result(&told(&found, show.origin))?,
    }
    Ok(Ending::Done)
}

/// How a run would be carried out.
fn of_run(show: &ShowArguments, pipeline: &Pipeline, log_format: LogFormat) -> Vec<Setting> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let flag = |name: &str, given: Option<String>, default: String| {
        let origin = if given.is_some() { format!("flag --{name}") } else { DEFAULT.to_owned() };
        Setting { setting: name.replace('-', "_"), value: given.unwrap_or(default), origin }
    };
    let output = match &show.output {
        Some(output) => flag("output", Some(output.clone()), String::new()),
        None => written("output", &pipeline.output),
    };
    let (log, level) = match log_format {
        LogFormat::Json => ("json", "ratemill=info"),
        LogFormat::Text => ("text", "ratemill=warn"),
    };
    let variable = |name: &str, default: &str| {
        let value = std::env::var(name).ok();
        let origin = if value.is_some() { format!("environment variable {name}") } else { DEFAULT.to_owned() };
        Setting { setting: name.to_owned(), value: value.unwrap_or_else(|| default.to_owned()), origin }
    };
    vec![
        output,
        flag("partitions", show.partitions.map(|number| number.to_string()), processors.to_string()),
        flag("batch-rows", show.batch_rows.map(|number| number.to_string()), BATCH_ROWS.to_string()),
        flag("memory-limit", show.memory_limit.map(|bytes| format!("{bytes} bytes")), "none".to_owned()),
        flag("log-format", (log_format == LogFormat::Json).then(|| log.to_owned()), log.to_owned()),
        variable("RATEMILL_LOG", level),
        variable("NO_COLOR", "not set"),
    ]
}

/// Records of a batch, when nothing is said.
const BATCH_ROWS: u32 = 65_536;

/// Every place that the pipeline names.
fn of_files(pipeline: &Pipeline) -> Vec<Setting> {
    let mut found = vec![written("book", &pipeline.book)];
    found.extend(pipeline.sources.iter().map(|source| written(&format!("usage.{}", source.name), &source.path)));
    let tables = pipeline.reference.named();
    found.extend(tables.into_iter().map(|(name, path)| written(&format!("reference.{name}"), path)));
    if let Some(exchange) = &pipeline.tax_exchange {
        found.push(written("tax.exchange.requests", &exchange.requests));
        found.push(written("tax.exchange.answers", &exchange.answers));
    }
    found
}

fn written(name: &str, at: &Located) -> Setting {
    Setting { setting: name.to_owned(), value: shown("", &at.text), origin: place(&at.place) }
}

fn place(place: &Place) -> String {
    format!("{}:{}", place.source.name, place.line)
}

/// A variable that the pipeline file puts in.
fn substituted(name: &str, pipeline: &Place) -> Setting {
    let opening = format!("${{{name}");
    let mut lines = (1..).zip(pipeline.source.text.lines());
    // A comment puts nothing in.
    let found = lines.find_map(|(number, line)| {
        let (_, rest) =
            line.split(" #").next()?.split_once(&opening).filter(|_| !line.trim_start().starts_with('#'))?;
        let inside = rest.split_once('}')?.0;
        (inside.is_empty() || inside.starts_with(":-")).then_some((number, inside.strip_prefix(":-")))
    });
    let (line, default) = found.unwrap_or((0, None));
    let value = std::env::var(name).ok().filter(|value| default.is_none() || !value.is_empty());
    let file = &pipeline.source.name;
    let origin = match &value {
        Some(_) => format!("environment variable {name}, put in at {file}:{line}"),
        None => format!("default at {file}:{line}"),
    };
    Setting { setting: opening + "}", value: shown(name, value.as_deref().or(default).unwrap_or_default()), origin }
}

fn told(found: &[Setting], origin: bool) -> String {
    let wide =
        |text: fn(&Setting) -> &String| found.iter().map(|one| text(one).chars().count()).max().unwrap_or_default();
    let (names, values) = (wide(|one| &one.setting), wide(|one| &one.value));
    let row = |one: &Setting| match origin {
        true => format!("{:<names$}  {:<values$}  {}\n", one.setting, one.value, one.origin),
        false => format!("{:<names$}  {}\n", one.setting, one.value),
    };
    found.iter().map(row).collect()
}
