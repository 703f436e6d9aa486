//! `hactl status`.

use crate::cli::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{self, Style, time};

pub(super) async fn run(client: &Client, format: Format) -> Result<(), Failure> {
    let status = client.status().await?;
    match format {
        Format::Json => super::print_json(&status),
        Format::Table => {
            let view = output::status::view(&status, time::unix_now());
            output::print(&view.render(Style::of_stdout()))
        }
    }
}
