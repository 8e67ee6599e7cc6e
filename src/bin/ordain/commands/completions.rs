use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The shell, for example: ordain completions bash > /etc/bash_completion.d/ordain
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::cli::Arguments::command(), "ordain", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
