//! The server skeleton: a function that checks a message, calls the object and packs the answer.

use crate::model::{Interface, Kind, Method, ident, snake_case};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub(crate) fn generate(interface: &Interface) -> TokenStream {
    let name = ident(&format!(
        "{}_dispatch",
        snake_case(&interface.name.to_string())
    ));
    let (visibility, interface_name) = (&interface.visibility, &interface.name);
    let documentation = format!(
        "Checks a message for [`{interface_name}`], calls `object`, packs the answer. A method of another interface \
         is answered with NO_METHOD, and the message is left as it was."
    );
    let arms = interface.methods.iter().map(|m| {
        let (number, function) = (m.number, function_name(m));
        quote!(#number => #function(object, incoming),)
    });
    let functions = interface.methods.iter().map(|m| function(interface, m));
    quote! {
        #[doc = #documentation]
        #visibility fn #name<__Object: #interface_name + ?Sized>(
            object: &__Object, incoming: &mut ::k42_ipc::Incoming<'_>,
        ) -> ::k42_ipc::Reply {
            #(#functions)*
            match incoming.method {
                #(#arms)*
                _ => ::k42_ipc::Reply::error(::k42_ipc::Error::NO_METHOD),
            }
        }
    }
}

fn function_name(method: &Method) -> syn::Ident {
    format_ident!("__serve_{}", method.name)
}

/// A function for each method, so that a call pays for the stack and the registers of its own method only.
fn function(interface: &Interface, method: &Method) -> TokenStream {
    let Method { name, result, .. } = method;
    let interface_name = &interface.name;
    let function = function_name(method);
    let words = method.request_words();
    let rights = method.rights.as_ref().map(|rights| {
        quote! {
            if caller.rights & (#rights) != (#rights) {
                return Err(::k42_ipc::Error::NO_RIGHT);
            }
        }
    });
    let mut get = TokenStream::new();
    let mut arguments = TokenStream::new();
    let mut out = TokenStream::new();
    for (index, parameter) in method.parameters.iter().enumerate() {
        let ty = &parameter.ty;
        let value = format_ident!("__a{index}");
        match parameter.kind {
            Kind::Value => {
                get.extend(quote! {
                    let #value = <#ty as ::k42_ipc::Wire>::get(
                        &__words[__at..__at + <#ty as ::k42_ipc::Wire>::WORDS])?;
                    __at += <#ty as ::k42_ipc::Wire>::WORDS;
                });
                arguments.extend(quote!(, #value));
            }
            Kind::Bytes => {
                get.extend(
                    quote! { let #value = __request.pieces.bytes(__words[__at])?; __at += 1; },
                );
                arguments.extend(quote!(, #value));
            }
            Kind::Text => {
                get.extend(
                    quote! { let #value = __request.pieces.text(__words[__at])?; __at += 1; },
                );
                arguments.extend(quote!(, #value));
            }
            Kind::Out => {
                get.extend(quote! { let __room = __words[__at]; __at += 1; });
                out = quote! { let mut __out = __request.out(__room, __OUT)?; };
                arguments.extend(quote!(, &mut __out));
            }
        }
    }
    let call = quote! {
        let __result = <__Object as #interface_name>::#name(object, caller #arguments);
    };
    let call = if method.out().is_some() {
        quote! {
            #out
            #call
            let __filled = __out.filled().len();
            Ok(::k42_ipc::server::reply_out::<#result, { __OUT }>(words, slot, *length, __result, __filled))
        }
    } else {
        quote! {
            #call
            Ok(::k42_ipc::server::reply::<#result, { __OUT }>(words, slot, __result))
        }
    };
    // Without slices and data the message is taken apart at once; with five words at most it has no payload at all.
    let only_words = method
        .parameters
        .iter()
        .all(|p| matches!(p.kind, Kind::Value));
    let (open, finish) = if only_words {
        let open = quote! {
            let __words: [u64; __WORDS];
            if const { __IN <= 5 } {
                ::k42_ipc::server::registers(*length)?;
                __words = ::core::array::from_fn(|at| words[at]);
            } else {
                let __request;
                (__words, __request) = ::k42_ipc::server::open::<__WORDS>(words, slot, *length)?;
                __request.pieces.finish()?;
            }
        };
        (open, quote!())
    } else {
        (
            quote! { let (__words, mut __request) = ::k42_ipc::server::open::<__WORDS>(words, slot, *length)?; },
            quote! { __request.pieces.finish()?; },
        )
    };
    quote! {
        #[inline(never)]
        fn #function<__Object: #interface_name + ?Sized>(
            object: &__Object, incoming: &mut ::k42_ipc::Incoming<'_>,
        ) -> ::k42_ipc::Reply {
            const __IN: usize = #words;
            const __OUT: usize = <#result as ::k42_ipc::Wire>::WORDS;
            const __WORDS: usize = if __IN > 5 { __IN } else { 5 };
            let ::k42_ipc::Incoming { caller, words, slot, length, .. } = incoming;
            let __run = |words: &mut [u64; 5], slot: &mut [u8]| -> ::k42_ipc::Result<::k42_ipc::Reply> {
                let caller = &*caller;
                #rights
                #open
                let mut __at = 0usize;
                #get
                let _ = __at;
                #finish
                #call
            };
            __run(words, slot).unwrap_or_else(::k42_ipc::Reply::error)
        }
    }
}
