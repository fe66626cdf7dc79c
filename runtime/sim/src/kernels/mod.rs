//! Inner loops over lanes: slices of scratchpads → the same slices with one operation applied.
//!
//! [`Level`] says which instructions of the host the loops use; all levels give the same bits. What the levels above
//! [`Level::Portable`] need is the layout that `scratchpad` gives the operands, and tables of offsets that are checked
//! here, so nothing outside this folder is `unsafe`.

pub(crate) mod alu;
pub(crate) mod copy;
pub(crate) mod gemm;
pub(crate) mod pack;
pub(crate) mod portable;

#[cfg(target_arch = "x86_64")]
mod alu_x86;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "x86_64")]
mod pack_x86;

use std::fmt;

/// Instructions of the host that a simulator may use, in ascending order of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Those of the compilation's target.
    Portable,
    /// 256-bit integer vectors.
    Avx2,
    /// `Avx2` and its int8 dot product.
    AvxVnni,
    /// 512-bit vectors with the int8 dot product.
    Avx512Vnni,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::Portable, Level::Avx2, Level::AvxVnni, Level::Avx512Vnni];

    /// The best level of this host.
    pub fn best() -> Level {
        Level::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Level::Portable)
    }

    /// Whether this host has the instructions.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2");
            match self {
                Level::Portable => true,
                Level::Avx2 => avx2,
                Level::AvxVnni => avx2 && is_x86_feature_detected!("avxvnni"),
                Level::Avx512Vnni => {
                    is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512vnni")
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Level::Portable
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::AvxVnni => "avx-vnni",
            Level::Avx512Vnni => "avx512-vnni",
        })
    }
}

/// Runs a body of plain Rust compiled for the level's vectors: `dispatch!(level, function(arguments))` calls the
/// `#[inline(always)]` function in a frame that has the level's features enabled.
macro_rules! dispatch {
    ($level:expr, $function:ident($($name:ident: $type:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn with_avx2($($name: $type),*) {
                $function($($name),*)
            }
            #[target_feature(enable = "avx512f,avx512bw")]
            fn with_avx512($($name: $type),*) {
                $function($($name),*)
            }
            match $level {
                // SAFETY: a level other than `Portable` is only in use where `Level::is_available` found its features.
                $crate::kernels::Level::Avx512Vnni => unsafe { with_avx512($($name),*) },
                // SAFETY: as above.
                $crate::kernels::Level::Avx2 | $crate::kernels::Level::AvxVnni => unsafe { with_avx2($($name),*) },
                $crate::kernels::Level::Portable => $function($($name),*),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = $level;
            $function($($name),*)
        }
    }};
}
pub(crate) use dispatch;
