//! `#[interface]`: checks a trait that describes an IPC interface and strips its method attributes.

use proc_macro::{Group, TokenStream, TokenTree};

/// Marks a trait as an IPC interface; each method carries `#[method(NUMBER)]`.
#[proc_macro_attribute]
pub fn interface(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    strip(item)
}

/// Removes every `#[method(..)]`.
fn strip(stream: TokenStream) -> TokenStream {
    let mut out = Vec::new();
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(p) if p.as_char() == '#' => {
                let is_method = matches!(tokens.peek(), Some(TokenTree::Group(g))
                    if g.stream().to_string().starts_with("method"));
                if is_method {
                    tokens.next();
                } else {
                    out.push(token);
                }
            }
            TokenTree::Group(g) => {
                out.push(TokenTree::Group(Group::new(g.delimiter(), strip(g.stream()))));
            }
            _ => out.push(token),
        }
    }
    out.into_iter().collect()
}
