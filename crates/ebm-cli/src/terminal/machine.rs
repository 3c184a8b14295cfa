//! What program and what machine a run is of, for its journal.

use serde_json::{Map, Value, json};

use super::backend::Backend;

/// Version, backend, processor, threads and system, by name.
pub fn described(backend: Backend) -> Map<String, Value> {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model(&text));
    let all = [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("backend", json!(backend.name())),
        ("processor", json!(processor)),
        ("threads", json!(rayon::current_num_threads())),
        ("system", json!(system)),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The first processor that the system names.
fn model(text: &str) -> Option<String> {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        matches!(name.trim(), "model name" | "Model" | "Processor").then(|| value.trim().to_owned())
    };
    text.lines().find_map(value).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_the_first_that_is_named() {
        let text =
            "processor\t: 0\nvendor_id\t: X\nmodel name\t: A Fast One @ 3 GHz\nmodel name\t: Another\n";
        assert_eq!(model(text).as_deref(), Some("A Fast One @ 3 GHz"));
        assert_eq!(model("processor : 0\n"), None);
    }
}
