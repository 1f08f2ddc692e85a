//! The client stub: marshals arguments into words and pieces, and leaves the rest to `k42_ipc::client`.

use crate::model::{Interface, Kind, Method, ident};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub(crate) fn generate(interface: &Interface) -> TokenStream {
    let name = format_ident!("{}Client", interface.name);
    let visibility = &interface.visibility;
    let id = interface.id;
    let documentation = format!(
        "Client of [`{}`]: calls the object `handle` of the server `target`.",
        interface.name
    );
    let methods = interface.methods.iter().map(method);
    let table = interface.methods.iter().map(|method| {
        let (number, name) = (method.number, method.name.to_string());
        quote!((#number, #name))
    });
    quote! {
        #[doc = #documentation]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #name {
            /// The server.
            pub target: ::k42_ipc::ProcessId,
            /// The object.
            pub handle: ::k42_ipc::Handle,
        }
        impl #name {
            /// Number of the interface.
            pub const INTERFACE: u16 = #id;
            /// The methods by number, as it arrives in a message, with their names; for tools.
            pub const METHODS: &'static [(u16, &'static str)] = &[#(#table),*];
            /// The object `handle` of `target`.
            pub const fn new(target: ::k42_ipc::ProcessId, handle: ::k42_ipc::Handle) -> Self {
                Self { target, handle }
            }
            /// The root object of `target`.
            pub const fn root(target: ::k42_ipc::ProcessId) -> Self {
                Self { target, handle: ::k42_ipc::Handle::ROOT }
            }
            /// Whether `method`, as it arrives in a message, belongs to this interface.
            pub const fn has_method(method: u16) -> bool {
                method >> 8 == Self::INTERFACE
            }
            #(#methods)*
        }
    }
}

fn method(method: &Method) -> TokenStream {
    let Method {
        name,
        documentation,
        number,
        result,
        returns,
        ..
    } = method;
    let words = method.request_words();
    let mut declared = TokenStream::new();
    let mut put = TokenStream::new();
    let mut pieces = TokenStream::new();
    let mut any_piece = false;
    for parameter in &method.parameters {
        let (name, ty) = (&parameter.name, &parameter.ty);
        match parameter.kind {
            Kind::Value => {
                declared.extend(quote!(#name: #ty,));
                put.extend(quote! {
                    ::k42_ipc::Wire::put(&#name, &mut __words[__at..__at + <#ty as ::k42_ipc::Wire>::WORDS]);
                    __at += <#ty as ::k42_ipc::Wire>::WORDS;
                });
            }
            Kind::Bytes | Kind::Text => {
                any_piece = true;
                declared.extend(quote!(#name: #ty,));
                put.extend(quote! { __words[__at] = #name.len() as u64; __at += 1; });
                pieces.extend(match parameter.kind {
                    Kind::Text => quote!(#name.as_bytes(),),
                    _ => quote!(#name,),
                });
            }
            Kind::Out => {
                declared.extend(quote!(#name: &mut [u8],));
                // The room is put in by `call_out`, which knows what fits; it only has to know where.
                put.extend(quote! { __room_at = __at; __at += 1; });
            }
        }
    }
    let start = quote! {
        const __IN: usize = #words;
        const __OUT: usize = <#result as ::k42_ipc::Wire>::WORDS;
        let mut __words = [0u64; if __IN > 5 { __IN } else { 5 }];
        let mut __at = 0usize;
    };
    let signature_out = method.out().map(|p| &p.name);
    let unused = ident("__at");
    let back = quote!(let __back: [u64; if __OUT > 5 { __OUT } else { 5 }]);
    if let Some(out) = signature_out {
        quote! {
            #(#documentation)*
            #[allow(clippy::too_many_arguments, reason = "as many as the interface has")]
            pub fn #name(&self, #declared) -> ::core::result::Result<(#result, usize), (::k42_ipc::Error, usize)> {
                #start
                let __room_at;
                #put
                let _ = #unused;
                #back;
                let __filled;
                (__back, __filled) = ::k42_ipc::client::call_out(
                    self.target, self.handle, #number, __words, [#pieces], __room_at, #out)?;
                match <#result as ::k42_ipc::Wire>::get(&__back[..__OUT]) {
                    Ok(value) => Ok((value, __filled)),
                    Err(error) => Err((error, __filled)),
                }
            }
        }
    } else {
        let pieces = quote! {
            #back = ::k42_ipc::client::call_pieces(self.target, self.handle, #number, &__words, [#pieces])?;
            <#result as ::k42_ipc::Wire>::get(&__back[..__OUT])
        };
        let call = if any_piece {
            pieces
        } else {
            quote! {
                if const { __IN <= 5 && __OUT <= 5 } {
                    let __registers = [__words[0], __words[1], __words[2], __words[3], __words[4]];
                    let __back = ::k42_ipc::client::call_registers(
                        self.target, self.handle, #number, __registers)?;
                    // The slice is never longer than the registers here, but the compiler checks both branches.
                    <#result as ::k42_ipc::Wire>::get(&__back[..if __OUT > 5 { 5 } else { __OUT }])
                } else {
                    #pieces
                }
            }
        };
        let inline = (!any_piece).then(|| quote!(#[inline]));
        quote! {
            #(#documentation)*
            #[allow(clippy::too_many_arguments, reason = "as many as the interface has")]
            #inline
            pub fn #name(&self, #declared) -> #returns {
                #start
                #put
                let _ = #unused;
                #call
            }
        }
    }
}
