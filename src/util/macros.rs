//! Macros for what many types repeat.

/// The constructor and the accessors of a service that a layer makes: `new`, `get_ref`, `get_mut` and
/// `into_inner`.
///
/// `service_accessors!(Timeout<S>, inner)`: the service and its field for the inner service, which is
/// the first type parameter.
macro_rules! service_accessors {
    ($service:ident<$inner:ident $(, $other:ident)?>, $field:ident) => {
        impl<$inner $(, $other)?> $service<$inner $(, $other)?> {
            /// Puts `layer`, which makes this service, around `inner`.
            pub fn new(
                inner: $inner,
                layer: &impl tower_layer::Layer<$inner, Service = Self>,
            ) -> Self {
                layer.layer(inner)
            }

            /// Returns a reference to the inner service.
            pub fn get_ref(&self) -> &$inner {
                &self.$field
            }

            /// Returns a mutable reference to the inner service.
            pub fn get_mut(&mut self) -> &mut $inner {
                &mut self.$field
            }

            /// Consumes the service and returns the inner one.
            pub fn into_inner(self) -> $inner {
                self.$field
            }
        }
    };
}

pub(crate) use service_accessors;
