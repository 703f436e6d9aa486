//! What is wrong with a file is said exactly so: place, key, what, remedy.

use halo_config::parse;

/// A file without fault, to which each row adds one.
const BASE: &str = "\
[[node]]
name = \"lb1\"
address = \"10.77.0.11/24\"
[[node]]
name = \"lb2\"
address = \"10.77.0.12/24\"
";

/// All messages of `text`, as `lb1` gets them.
fn messages(text: &str) -> String {
    match parse("halo.toml", text, "lb1") {
        Ok(_) => "no error".into(),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn probe() {
    for add in [
        "[[pool]]\nnam = 3\nhealth = { check = \"http\", interval = \"300\", timeout = 3, status = 200 }\nserver = [3, {address = \"foo:80\"}]",
        "[vip]\n[[listener]]\nname=\"x\"\nbind = [\"10.0.0.1:80\", \"0.0.0.0:80\", \"10.0.0.1\"]\npool = \"z\"\nmax_connections = 0\nprotocol=\"htp\"",
        "[[vip]]\nname=\"web\"\nvrid=300\naddresses=[\"10.78.0.1\"]\npreempt=\"true\"\nadvert_interval=\"105ms\"\npriority={lb3=255,lb1=3}\n[[vip]]\n",
    ] {
        println!("{}\n", messages(&format!("{BASE}{add}")));
    }
    println!("{}", messages(""));
    println!(
        "{}",
        messages("[[node]]\nname=\"foo\"\naddress=\"10.0.0.0/24\"")
    );
}
