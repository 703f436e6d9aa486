//! Commands on a running lab: `exec` and `status`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, anyhow};
use halo_lab::{LabState, Programs, running_labs};
use halo_netio::netns::Namespaces;

/// `halo-lab exec`: becomes the command.
pub(super) fn exec(lab: &str, host: &str, mut command: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let lab = LabState::load(lab)?;
    if command.is_empty() {
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        command.push(shell);
    }
    let program = command.remove(0);
    let error = enter(&lab, host, &program, &command)?.exec();
    Err(error).with_context(|| format!("cannot run {} on {host}", program.to_string_lossy()))
}

/// `halo-lab status`.
pub(super) fn status(name: Option<&str>) -> anyhow::Result<ExitCode> {
    let labs = match name {
        Some(name) => vec![LabState::load(name)?],
        None => running_labs(),
    };
    if labs.is_empty() {
        println!("no lab runs; start one with `halo-lab up`");
    }
    for lab in labs {
        println!("lab {:?}, process {}", lab.name, lab.pid);
        for host in lab.holders.keys().filter(|host| host.starts_with("lb")) {
            println!("\n== {host}");
            let program = OsString::from("hactl");
            // A node that is dead says so itself; the others are still shown.
            enter(&lab, host, &program, &["status".into()])?
                .status()
                .with_context(|| format!("cannot run hactl on {host}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn enter(
    lab: &LabState,
    host: &str,
    program: &OsString,
    arguments: &[OsString],
) -> anyhow::Result<Command> {
    let known = || lab.holders.keys().cloned().collect::<Vec<_>>().join(", ");
    let holder = lab.holders.get(host).ok_or_else(|| {
        anyhow!(
            "the lab {:?} has no host {host:?}; it has {}",
            lab.name,
            known()
        )
    })?;
    let mut command = Command::new(program);
    let config = LabState::directory(&lab.name)?.join("halo.toml");
    command
        .args(arguments)
        .env("PATH", Programs::find()?.search_path())
        .env("HALO_CONFIG", config)
        .env("HOSTNAME", host)
        .env("PS1", format!("{host}# "));
    Namespaces::of_process(*holder)?
        .enter(&mut command)
        .with_context(|| format!("cannot enter {host}"))?;
    Ok(command)
}
