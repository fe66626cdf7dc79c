//! Configurations as JSON: VTA's configuration file → [`Config`], and back.
//!
//! VTA's keys stand at the top, with VTA's meaning; a missing one takes the default machine's value, because an unknown
//! one is refused by name and so a misspelt key cannot pass for a missing one. `TARGET` and `HW_VER` describe other
//! tools' choices and are accepted and ignored; so are keys that VTA's file had in other years, which [`without_effect`]
//! names. Keys of our own stand under `"tilewright"`: `log_block_in` and
//! `log_block_out` set the two block sizes apart, which VTA's file cannot; `mul` and `acc_8bit` say whether the machine has
//! what only the functional simulator has, which it has if nothing is said; and `timing` is the cycle model's: it is accepted
//! here as long as no key stands twice in it, and what it says is read by the simulator.

use crate::config::{Capabilities, Config, ConfigError, Params};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;

/// Under this key stand the keys that VTA does not have.
const OWN_KEY: &str = "tilewright";
const TEXT_KEYS: [&str; 2] = ["TARGET", "HW_VER"];
/// The board, its clock and how it was synthesised, as VTA's files of some years have them, beside all that begins with `HW_`.
const SYNTHESIS_KEYS: [&str; 2] = ["GEMM_II", "LOG_BUS_WIDTH"];
/// Its value says nothing about what instructions mean, so that it is no part of a [`Config`].
const TIMING_KEY: &str = "timing";
const OWN_KEYS: [&str; 5] = ["log_block_in", "log_block_out", "mul", "acc_8bit", TIMING_KEY];
/// For both block sizes.
const BLOCK_KEY: &str = "LOG_BLOCK";
/// Numbers at the top that are no parameters: one for two, and what follows from others.
const OTHER_KEYS: [&str; 3] = [BLOCK_KEY, "LOG_OUT_WIDTH", "LOG_OUT_BUFF_SIZE"];

/// What may stand at the top; the first are numbers.
fn top_keys() -> Vec<&'static str> {
    let parameters = Params::default().named().map(|(key, _)| key);
    parameters.into_iter().chain(OTHER_KEYS).chain(TEXT_KEYS).chain([OWN_KEY]).collect()
}

/// A JSON value in which objects keep their members in order and twice where they stand twice; a map would lose that.
#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    Object(Members),
    Other(Value),
}

struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What a file said about one number, under which of its keys.
type Given = Vec<(&'static str, u32)>;

impl Config {
    /// Reads VTA's configuration file and checks what it says.
    pub fn from_json(text: &str) -> Result<Config, ConfigError> {
        let json = serde_json::from_str(text).map_err(|error| ConfigError::Json {
            reason: without_place(&error),
            line: error.line(),
            column: error.column(),
        })?;
        from_members(json)
    }

    /// As [`Config::from_json`], for a configuration that is part of a larger file.
    pub fn from_value(value: &Value) -> Result<Config, ConfigError> {
        let json = Json::deserialize(value).map_err(|error| ConfigError::Json {
            reason: error.to_string(),
            line: error.line(),
            column: error.column(),
        })?;
        from_members(json)
    }

    /// The configuration as VTA's keys; block sizes that differ stand under our own key.
    pub fn to_json(&self) -> Value {
        let params = self.params();
        let mut json = json!({});
        for (key, value) in params.named() {
            match key {
                "LOG_BLOCK_IN" => {}
                "LOG_BLOCK_OUT" => json[BLOCK_KEY] = json!(value),
                key => json[key] = json!(value),
            }
        }
        if params.log_block_in != params.log_block_out {
            json[OWN_KEY] = json!({ "log_block_in": params.log_block_in });
        }
        let usual = Capabilities::default().named();
        for ((key, has), _) in self.capabilities().named().into_iter().zip(usual).filter(|(own, usual)| own != usual) {
            json[OWN_KEY][key] = json!(has);
        }
        json
    }
}

/// The keys of a configuration that are read over: what they say about the hardware changes neither instructions nor cycles.
pub fn without_effect(text: &str) -> Vec<String> {
    let Ok(Json::Object(Members(members))) = serde_json::from_str(text) else { return Vec::new() };
    members.into_iter().map(|(key, _)| key).filter(|key| is_without_effect(key)).collect()
}

fn is_without_effect(key: &str) -> bool {
    SYNTHESIS_KEYS.contains(&key) || key.starts_with("HW_") && !TEXT_KEYS.contains(&key)
}

/// serde_json's message ends with the place, which the error carries as numbers.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_string())
}

fn from_members(json: Json) -> Result<Config, ConfigError> {
    let Json::Object(Members(members)) = json else {
        return Err(ConfigError::NotAnObject { found: json.kind() });
    };
    let mut given = Given::new();
    let mut own = Vec::new();
    refuse_duplicates(&members)?;
    for (key, value) in members {
        if key == OWN_KEY {
            let Json::Object(Members(members)) = value else {
                return Err(ConfigError::NotAnObject { found: value.kind() });
            };
            own = members;
        } else if TEXT_KEYS.contains(&key.as_str()) {
            value.expect_text(&key)?;
        } else if !is_without_effect(&key) {
            given.push(number(&key, &value, &top_keys())?);
        }
    }
    refuse_duplicates(&own)?;
    let mut capabilities = Capabilities::default();
    for (key, value) in own {
        if key == TIMING_KEY {
            if let Json::Object(Members(members)) = &value {
                refuse_duplicates(members)?;
            }
            continue;
        }
        match capabilities.get_mut(&key) {
            Some(capability) => *capability = value.expect_bool(&key)?,
            None => given.push(number(&key, &value, &OWN_KEYS)?),
        }
    }
    let config = Config::new(params(&given))?.with_capabilities(capabilities);
    refuse_contradictions(&config, &given)?;
    Ok(config)
}

fn refuse_duplicates(members: &[(String, Json)]) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    match members.iter().find(|(key, _)| !seen.insert(key)) {
        Some((key, _)) => Err(ConfigError::DuplicateKey { key: key.clone() }),
        None => Ok(()),
    }
}

fn number(key: &str, value: &Json, known: &[&'static str]) -> Result<(&'static str, u32), ConfigError> {
    let Some(name) = known.iter().find(|name| **name == key) else {
        return Err(ConfigError::UnknownKey { key: key.to_string(), choices: known.to_vec() });
    };
    let number = match value {
        Json::Other(value) => value.as_u64().filter(|number| *number < 64),
        Json::Object(_) => None,
    };
    match number {
        Some(number) => Ok((name, number as u32)),
        None => Err(ConfigError::NotANumber { key: key.to_string(), found: value.shown() }),
    }
}

/// The default parameters, overridden by what was given: what says more about one parameter stands above what says less.
fn params(given: &Given) -> Params {
    let mut params = Params::default();
    for (_, value) in given.iter().filter(|(key, _)| *key == BLOCK_KEY) {
        (params.log_block_in, params.log_block_out) = (*value, *value);
    }
    let (own, named): (Given, Given) = given.iter().partition(|(key, _)| OWN_KEYS.contains(key));
    for (key, value) in named.into_iter().chain(own) {
        if let Some(parameter) = params.get_mut(&key.to_uppercase()) {
            *parameter = value;
        }
    }
    params
}

/// Some files of VTA's tools also state what follows from other keys; a statement that is not true is refused.
fn refuse_contradictions(config: &Config, given: &Given) -> Result<(), ConfigError> {
    let params = config.params();
    let out_buff_size = params.log_acc_buff_size + params.log_inp_width - params.log_acc_width;
    for &(key, value) in given {
        let expected = match key {
            "LOG_OUT_WIDTH" => params.log_inp_width,
            "LOG_OUT_BUFF_SIZE" => out_buff_size,
            _ => continue,
        };
        if value != expected {
            return Err(ConfigError::Contradiction { key, value, expected });
        }
    }
    Ok(())
}

impl Json {
    fn kind(&self) -> &'static str {
        match self {
            Json::Object(_) => "an object",
            Json::Other(Value::Array(_)) => "an array",
            Json::Other(Value::String(_)) => "a string",
            Json::Other(Value::Number(_)) => "a number",
            Json::Other(Value::Bool(_)) => "a truth value",
            Json::Other(_) => "null",
        }
    }

    /// A scalar as it stands in the file, anything larger by its kind.
    fn shown(&self) -> String {
        match self {
            Json::Other(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => value.to_string(),
            other => other.kind().to_string(),
        }
    }

    fn expect_bool(&self, key: &str) -> Result<bool, ConfigError> {
        match self {
            Json::Other(Value::Bool(value)) => Ok(*value),
            other => Err(ConfigError::NotABool { key: key.to_string(), found: other.shown() }),
        }
    }

    fn expect_text(&self, key: &str) -> Result<(), ConfigError> {
        match self {
            Json::Other(Value::String(_)) => Ok(()),
            other => Err(ConfigError::NotAString { key: key.to_string(), found: other.shown() }),
        }
    }
}
