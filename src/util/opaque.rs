//! `Debug` for types that must not show their contents.

/// Implements `Debug` for types with bodies, futures or closures: bodies are users' data, and the
/// rest cannot be printed. Shows the type's name and only the given fields and methods.
///
/// `opaque_debug!(Name<A, B> { field, method(), list.len() } where A: Bound);` Everything after the
/// name is optional.
macro_rules! opaque_debug {
    (
        $name:ident $(<$($param:ident),+>)? $({ $($field:ident $(($($nothing:tt)*))? $(. $method:ident ($($none:tt)*))*),+ })?
        $(where $($bounds:tt)+)?
    ) => {
        impl $(<$($param),+>)? std::fmt::Debug for $name $(<$($param),+>)? $(where $($bounds)+)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $($(.field(stringify!($field), &self.$field $(($($nothing)*))? $(.$method($($none)*))*))+)?
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque_debug;

#[cfg(test)]
mod tests {
    struct Plain;
    struct Body<A, B> {
        left: usize,
        secret: (A, B),
    }

    impl<A, B> Body<A, B> {
        fn double(&self) -> usize {
            let _ = &self.secret;
            2 * self.left
        }
    }

    opaque_debug!(Plain);
    opaque_debug!(Body<A, B> { left, double() } where A: Clone);

    #[test]
    fn only_the_named_contents_are_shown() {
        let body = Body { left: 2, secret: ("sk-1", || ()) };
        assert_eq!(format!("{Plain:?} {body:?}"), "Plain { .. } Body { left: 2, double: 4, .. }");
    }
}
