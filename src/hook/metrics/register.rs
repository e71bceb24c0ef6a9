//! Registers metrics with a recorder.

use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, SharedString, with_recorder,
};

const METADATA: Metadata<'_> = Metadata::new(crate::TARGET, Level::INFO, Some(module_path!()));

/// The recorder that handles come from.
#[derive(Clone, Default)]
pub(super) enum Register {
    /// The recorder that the process installed.
    #[default]
    Installed,
    Given(Arc<dyn Recorder + Send + Sync>),
}

impl Register {
    pub(super) fn with<T>(&self, call: impl FnOnce(&dyn Recorder) -> T) -> T {
        match self {
            Self::Installed => with_recorder(call),
            Self::Given(recorder) => call(&**recorder),
        }
    }

    pub(super) fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        let key = Key::from_parts(name, labels);
        self.with(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub(super) fn gauge(&self, name: &'static str, labels: Vec<Label>) -> Gauge {
        let key = Key::from_parts(name, labels);
        self.with(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    pub(super) fn histogram(&self, name: &'static str, labels: Vec<Label>) -> Histogram {
        let key = Key::from_parts(name, labels);
        self.with(|recorder| recorder.register_histogram(&key, &METADATA))
    }
}

/// The labels that have a value.
pub(super) fn labels<const N: usize>(pairs: [(&'static str, Option<&str>); N]) -> Vec<Label> {
    let named = |(name, value): (&'static str, Option<&str>)| {
        Some(Label::new(name, SharedString::from(value?.to_owned())))
    };
    pairs.into_iter().filter_map(named).collect()
}

/// `labels` and one more.
pub(super) fn with_label(labels: &[Label], name: &'static str, value: &'static str) -> Vec<Label> {
    let mut labels = labels.to_vec();
    labels.push(Label::from_static_parts(name, value));
    labels
}
