//! The deterministic simulator: the seam's twins (`clock`, `net`, `disk`, `rng`, `spawn`) on madsim as
//! executor, and what is built on them.
#[cfg(not(madsim))]
compile_error!(
    "ordain-sim needs --cfg madsim, which .cargo/config.toml sets; an environment variable RUSTFLAGS overrides it: unset it"
);
