//! `#[interface(id = N)]`: one trait in; the trait, its client stub and its server skeleton out.
//!
//! For a trait `Foo` it makes
//!
//! * the trait itself, without the `#[method]` marks;
//! * `FooClient { target, handle }` with the same methods minus `caller`. A parameter
//!   `out: &mut OutBuf<'_>` becomes `out: &mut [u8]`, and the result becomes
//!   `Result<(T, usize), (Error, usize)>`: the number of bytes in `out`, also beside an error;
//! * `foo_dispatch(object, incoming) -> Reply`, which checks method, rights, lengths, text and
//!   ranges before it calls the object, and answers anything malformed with an error.
//!
//! The method number on the wire is `id << 8 | number`, so that one object can offer several interfaces.
//!
//! ```text
//! #[method(3)]                      number 1 to 255 within the interface
//! #[method(3, rights = READ)]       the handle must carry all of these bits
//! ```

mod client;
mod model;
mod server;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse_macro_input;

/// Marks a trait as an IPC interface; see the crate's documentation.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let id = parse_macro_input!(arguments as model::InterfaceId);
    let mut item = parse_macro_input!(item as syn::ItemTrait);
    let interface = match model::Interface::take(id, &mut item) {
        Ok(interface) => interface,
        Err(error) => {
            let error = error.to_compile_error();
            return quote! { #item #error }.into();
        }
    };
    let client = client::generate(&interface);
    let server = server::generate(&interface);
    quote! { #item #client #server }.into()
}
