//! What Bayeux's clients ask for in one request: long batches, and scripts (`protocols/bayeux.md`, sections 2, 10 and 11).
#[path = "support/bayeux.rs"]
mod bayeux;
#[path = "bayeux_requests/long.rs"]
mod long;
#[path = "bayeux_requests/meta.rs"]
mod meta;
#[path = "bayeux_requests/scripts.rs"]
mod scripts;
mod support;
#[path = "support/websocket.rs"]
mod websocket;
#[path = "support/wire.rs"]
mod wire;
