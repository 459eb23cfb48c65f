//! The JSON Schema (draft 2020-12) of a key table, for editors. It says no more and no less than the table the files
//! are checked with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::keys::{Choice, Key, Kind, Record};

/// The schema of a file whose root is `record`.
#[must_use]
pub fn json_schema(record: &'static Record, title: &str) -> Value {
    let mut definitions = BTreeMap::new();
    let mut root = record_schema(record, &mut definitions);
    if let Value::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("title".to_owned(), json!(title));
        root.insert("$defs".to_owned(), json!(definitions));
    }
    root
}

type Definitions = BTreeMap<String, Value>;

fn record_schema(record: &'static Record, definitions: &mut Definitions) -> Value {
    let mut properties = Map::new();
    for key in record.all() {
        properties.insert(key.name.to_owned(), key_schema(key, record, definitions));
    }
    let required: Vec<&str> = record.all().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({ "type": "object", "description": record.title, "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if let Some(choice) = record.choice {
        schema["allOf"] = json!(rules(choice));
    }
    schema
}

/// "With this value, those keys": one rule per value of the deciding key.
fn rules(choice: &Choice) -> Vec<Value> {
    let rule = |value: &str, required: &[&str]| {
        let then = match choice.instead {
            Some(instead) => json!({ "anyOf": [{ "required": required }, { "required": [instead] }] }),
            None => json!({ "required": required }),
        };
        json!({ "if": { "properties": { choice.key: { "const": value } }, "required": [choice.key] }, "then": then })
    };
    choice.variants.iter().map(|variant| rule(variant.name, variant.required)).collect()
}

fn key_schema(key: &'static Key, record: &Record, definitions: &mut Definitions) -> Value {
    let mut schema = kind_schema(&key.kind, definitions);
    let Value::Object(object) = &mut schema else { return schema };
    let mut about = key.about.to_owned();
    if let Some(choice) = record.choice.filter(|choice| choice.key == key.name) {
        for variant in choice.variants {
            about.push_str(&format!("\n- {}: {}", variant.name, variant.about));
        }
    }
    object.insert("description".to_owned(), json!(about));
    if let Some(default) = key.default {
        let value = match key.kind {
            Kind::Truth | Kind::Whole => serde_json::from_str(default).unwrap_or_else(|_| json!(default)),
            _ => json!(default),
        };
        object.insert("default".to_owned(), value);
    }
    schema
}

fn kind_schema(kind: &'static Kind, definitions: &mut Definitions) -> Value {
    match kind {
        Kind::Text => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Sql | Kind::Path => json!({ "type": "string" }),
        Kind::Number => {
            json!({ "type": ["number", "string"], "pattern": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$" })
        }
        Kind::Whole => json!({ "type": "integer", "minimum": 0 }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::Texts => json!({ "anyOf": [kind_schema(&Kind::Text, definitions), { "type": "array",
            "items": kind_schema(&Kind::Text, definitions) }] }),
        Kind::List(of) => json!({ "type": "array", "items": kind_schema(of, definitions) }),
        Kind::Map(of) => json!({ "type": "object", "additionalProperties": kind_schema(of, definitions) }),
        Kind::Either(one, other) => {
            json!({ "anyOf": [kind_schema(one, definitions), kind_schema(other, definitions)] })
        }
        Kind::Record(record) => {
            let name = record.title.replace(' ', "_");
            if !definitions.contains_key(&name) {
                // A place holder first: a record may hold itself.
                definitions.insert(name.clone(), Value::Null);
                let schema = record_schema(record, definitions);
                definitions.insert(name.clone(), schema);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
    }
}
