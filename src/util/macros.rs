//! Macros that many types share.

/// The constructor and accessors of a layer's service: `new`, `get_ref`, `get_mut` and
/// `into_inner`.
///
/// `service_accessors!(Timeout<S>, inner)` names the service and its field for the inner service,
/// which is the first type parameter. `outer.inner` is a field of a field.
macro_rules! service_accessors {
    ($service:ident<$inner:ident $(, $other:ident)?>, $($field:ident).+) => {
        impl<$inner $(, $other)?> $service<$inner $(, $other)?> {
            /// Wraps `inner` with `layer`, which creates this service.
            pub fn new(
                inner: $inner,
                layer: &impl tower_layer::Layer<$inner, Service = Self>,
            ) -> Self {
                layer.layer(inner)
            }

            /// Returns a reference to the inner service.
            pub fn get_ref(&self) -> &$inner {
                &self.$($field).+
            }

            /// Returns a mutable reference to the inner service.
            pub fn get_mut(&mut self) -> &mut $inner {
                &mut self.$($field).+
            }

            /// Consumes the service and returns the inner one.
            pub fn into_inner(self) -> $inner {
                self.$($field).+
            }
        }
    };
}

/// Chooses by a slice of bytes, like a `match` of literals, but compares words and not single bytes.
macro_rules! match_bytes {
    ($bytes:expr, { $($($literal:literal)|+ => $value:expr,)+ _ => $other:expr $(,)? }) => {{
        let bytes: &[u8] = $bytes;
        $(if $(bytes == $literal)||+ { $value } else)+ { $other }
    }};
}

/// Builder setters: each takes the builder, runs its expression and returns the builder.
///
/// `setters! { impl Builder { pub fn limit(self, bytes: usize) => self.limit = bytes; }}`
macro_rules! setters {
    (impl $(<$($param:tt),+>)? $builder:ident $(<$($argument:tt),+>)? {
        $($(#[$meta:meta])*
        pub $($function:ident)+ $(<$generic:ident: $bound:path>)?
            ($this:ident $(, $arg:ident: $type:ty)*) => $set:expr;)+
    }) => {
        impl $(<$($param),+>)? $builder $(<$($argument),+>)? {
            $($(#[$meta])*
            #[must_use = "a setter returns the changed value"]
            pub $($function)+ $(<$generic: $bound>)? (mut $this $(, $arg: $type)*) -> Self {
                $set;
                $this
            })+
        }
    };
}

/// An enum with a name per variant, a function that returns the name, and `Display`.
macro_rules! named_enum {
    (
        $(#[$meta:meta])* $vis:vis enum $enum:ident {
            $($(#[$doc:meta])* $variant:ident = $name:literal,)+
        }
        $(#[$fn_doc:meta])* pub $($function:ident)+;
        $($(#[$all_doc:meta])* $all:vis const ALL;)?
    ) => {
        $(#[$meta])*
        $vis enum $enum {
            $($(#[$doc])* $variant,)+
        }

        impl $enum {
            $(#[$fn_doc])*
            #[must_use]
            pub $($function)+(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        named_enum!(@all $enum { $($variant)+ } $($(#[$all_doc])* $all)?);

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $name,)+ })
            }
        }
    };
    (@all $enum:ident { $($variant:ident)+ }) => {};
    (@all $enum:ident { $($variant:ident)+ } $(#[$doc:meta])* $vis:vis) => {
        impl $enum {
            $(#[$doc])*
            $vis const ALL: [Self; [$(stringify!($variant)),+].len()] = [$(Self::$variant),+];
        }
    };
}

pub(crate) use match_bytes;
pub(crate) use named_enum;
pub(crate) use service_accessors;
pub(crate) use setters;
