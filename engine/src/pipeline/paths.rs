//! Paths of a pipeline: variables of the environment put in, then relative to the pipeline file.

use crate::fault::{Fault, Faults, Located, codes};
use crate::store::escaped;
use crate::yaml::{Node, beside};

/// Gives the value of a variable of the environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// The path `node` holds, openable as it is; `None` when a fault was reported.
pub(super) fn path(node: &Node, environment: &Environment<'_>, faults: &mut Faults) -> Option<Located> {
    placed(node, &node.place.source.name, environment, faults)
}

/// The pattern `node` holds. Only what the user has written there is one: the folder of the pipeline file and the values
/// of variables are taken as they are, whatever letters they have.
pub(super) fn pattern(node: &Node, environment: &Environment<'_>, faults: &mut Faults) -> Option<Located> {
    let as_it_is = |name: &str| environment(name).map(|value| escaped(&value));
    placed(node, &escaped(&node.place.source.name), &as_it_is, faults)
}

fn placed(node: &Node, file: &str, environment: &Environment<'_>, faults: &mut Faults) -> Option<Located> {
    let text = node.text()?;
    let substituted = substitute(text, environment).map_err(|fault| fault.at(&node.place).into());
    let substituted = faults.keep(substituted)?;
    if substituted.trim().is_empty() {
        faults.push(Fault::new(&codes::P001, "an empty path").at(&node.place).hint("name a file or folder"));
        return None;
    }
    Some(Located { text: beside(file, &substituted), place: node.place.clone() })
}

/// `${NAME}` and `${NAME:-default}` replaced by what the environment says.
fn substitute(text: &str, environment: &Environment<'_>) -> Result<String, Fault> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            let fault = Fault::new(&codes::P001, format!("`${{` without its `}}` in `{text}`"));
            return Err(fault.hint("write ${NAME} or ${NAME:-default}"));
        };
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !plain || name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            let fault = Fault::new(&codes::P001, format!("`{name}` is no name of an environment variable"));
            return Err(fault.hint("write ${NAME} or ${NAME:-default}"));
        }
        // As in a shell, an empty variable gives way to the default.
        let value = environment(name).filter(|value| default.is_none() || !value.is_empty());
        match value.as_deref().or(default) {
            Some(value) => whole.push_str(value),
            None => {
                let fault = Fault::new(&codes::P001, format!("the environment variable `{name}` is not set"));
                return Err(fault.hint(format!("set it, or write ${{{name}:-default}}")));
            }
        }
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}
