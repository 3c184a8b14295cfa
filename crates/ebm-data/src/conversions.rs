//! Conversions between names and text.

/// Text conversions of an enum with `all()` and `name()`: `Display`, `FromStr`, and the two that serde uses.
macro_rules! by_name {
    ($type:ident, $kind:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::DataError;

            /// # Errors
            /// [`DataError::UnknownName`](crate::DataError::UnknownName), which lists the known names.
            fn from_str(name: &str) -> Result<Self, crate::DataError> {
                let unknown = || crate::DataError::UnknownName {
                    kind: $kind,
                    found: name.into(),
                    known: Self::all().map(|known| known.name()).collect(),
                };
                Self::all().find(|known| known.name() == name).ok_or_else(unknown)
            }
        }

        impl TryFrom<String> for $type {
            type Error = crate::DataError;

            fn try_from(name: String) -> Result<Self, crate::DataError> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.name().into()
            }
        }
    };
}

pub(crate) use by_name;
