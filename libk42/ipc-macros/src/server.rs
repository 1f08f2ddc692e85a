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
    let arms = interface.methods.iter().map(|m| arm(interface, m));
    quote! {
        #[doc = #documentation]
        #visibility fn #name<__Object: #interface_name + ?Sized>(
            object: &__Object, incoming: &mut ::k42_ipc::Incoming<'_>,
        ) -> ::k42_ipc::Reply {
            match incoming.method {
                #(#arms)*
                _ => ::k42_ipc::Reply::error(::k42_ipc::Error::NO_METHOD),
            }
        }
    }
}

fn arm(interface: &Interface, method: &Method) -> TokenStream {
    let Method {
        name,
        number,
        result,
        ..
    } = method;
    let interface_name = &interface.name;
    let words = method.request_words();
    let rights = method.rights.as_ref().map(|rights| {
        quote! {
            if incoming.caller.rights & (#rights) != (#rights) {
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
    let call = if method.out().is_some() {
        quote! {
            #out
            let __result = <__Object as #interface_name>::#name(object, &__caller #arguments);
            let __filled = __out.filled().len();
            Ok(::k42_ipc::server::reply_out::<#result, { __OUT }>(incoming, __result, __filled))
        }
    } else {
        quote! {
            let __result = <__Object as #interface_name>::#name(object, &__caller #arguments);
            Ok(::k42_ipc::server::reply::<#result, { __OUT }>(incoming, __result))
        }
    };
    // Without slices and data the message is taken apart at once; with five words at most it has no payload at all.
    let only_words = method
        .parameters
        .iter()
        .all(|p| matches!(p.kind, Kind::Value));
    let (open, finish) = if only_words {
        let open = quote! {
            if const { __IN <= 5 } {
                __words[..5].copy_from_slice(&incoming.registers()?);
            } else {
                incoming.open(&mut __words, __IN)?.pieces.finish()?;
            }
        };
        (open, quote!())
    } else {
        (
            quote! { let mut __request = incoming.open(&mut __words, __IN)?; },
            quote! { __request.pieces.finish()?; },
        )
    };
    let body = quote! {
        #rights
        const __IN: usize = #words;
        const __OUT: usize = <#result as ::k42_ipc::Wire>::WORDS;
        let mut __words = [0u64; if __IN > 5 { __IN } else { 5 }];
        let __caller = incoming.caller;
        #open
        let mut __at = 0usize;
        #get
        let _ = __at;
        #finish
        #call
    };
    quote! {
        #number => {
            let run = |incoming: &mut ::k42_ipc::Incoming<'_>| -> ::k42_ipc::Result<::k42_ipc::Reply> { #body };
            run(incoming).unwrap_or_else(::k42_ipc::Reply::error)
        }
    }
}
