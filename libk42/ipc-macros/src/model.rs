//! What the macro understands of a trait: methods, parameters and results, checked.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, FnArg, GenericArgument, Ident, ItemTrait, LitInt, Pat, PathArguments,
    Result, ReturnType, Token, TraitItem, Type, Visibility,
};

/// `id = N`.
pub(crate) struct InterfaceId(pub(crate) u16);

impl Parse for InterfaceId {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input.parse()?;
        if key != "id" {
            return Err(Error::new(key.span(), "expected `id = N`"));
        }
        input.parse::<Token![=]>()?;
        let literal: LitInt = input.parse()?;
        let id: u16 = literal.base10_parse()?;
        // 0xff is the kernel's own (k42_abi::message::kernel_method).
        if !(1..=254).contains(&id) {
            return Err(Error::new(literal.span(), "an interface id is 1 to 254"));
        }
        Ok(Self(id))
    }
}

/// `NUMBER` or `NUMBER, rights = EXPR`.
struct MethodMark {
    number: LitInt,
    rights: Option<Expr>,
}

impl Parse for MethodMark {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let number = input.parse()?;
        let mut rights = None;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
            let key: Ident = input.parse()?;
            if key != "rights" {
                return Err(Error::new(key.span(), "expected `rights = EXPR`"));
            }
            input.parse::<Token![=]>()?;
            rights = Some(input.parse()?);
        }
        Ok(Self { number, rights })
    }
}

/// How a parameter travels.
pub(crate) enum Kind {
    /// A `Wire` value.
    Value,
    /// `&[u8]`: a length word, and the bytes in the payload.
    Bytes,
    /// `&str`: as bytes, checked to be UTF-8.
    Text,
    /// `&mut OutBuf<'_>`: a word with the room, and bytes back.
    Out,
}

pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
}

pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) documentation: Vec<Attribute>,
    /// Number on the wire, interface included.
    pub(crate) number: u16,
    pub(crate) rights: Option<Expr>,
    pub(crate) parameters: Vec<Parameter>,
    /// `T` of the `Result<T>`.
    pub(crate) result: Type,
    /// The return type as written.
    pub(crate) returns: Type,
}

impl Method {
    pub(crate) fn out(&self) -> Option<&Parameter> {
        self.parameters.iter().find(|p| matches!(p.kind, Kind::Out))
    }
    /// A constant expression for the words of the request.
    pub(crate) fn request_words(&self) -> TokenStream {
        let mut sum = quote::quote!(0usize);
        for parameter in &self.parameters {
            let ty = &parameter.ty;
            sum.extend(match parameter.kind {
                Kind::Value => quote::quote!(+ <#ty as ::k42_ipc::Wire>::WORDS),
                _ => quote::quote!(+ 1usize),
            });
        }
        sum
    }
}

pub(crate) struct Interface {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) id: u16,
    pub(crate) methods: Vec<Method>,
}

impl Interface {
    /// Reads the trait, taking the `#[method]` marks out of it.
    pub(crate) fn take(id: InterfaceId, item: &mut ItemTrait) -> Result<Self> {
        if !item.generics.params.is_empty() {
            return Err(Error::new(
                item.generics.span(),
                "an interface has no generic parameters",
            ));
        }
        let mut methods: Vec<Method> = Vec::new();
        for member in &mut item.items {
            let TraitItem::Fn(function) = member else {
                return Err(Error::new(member.span(), "an interface has methods only"));
            };
            let at = function
                .attrs
                .iter()
                .position(|a| a.path().is_ident("method"));
            let Some(at) = at else {
                return Err(Error::new(function.sig.span(), "missing #[method(NUMBER)]"));
            };
            let mark: MethodMark = function.attrs.remove(at).parse_args()?;
            let number: u16 = mark.number.base10_parse()?;
            if !(1..=255).contains(&number) {
                return Err(Error::new(
                    mark.number.span(),
                    "a method number is 1 to 255",
                ));
            }
            let number = id.0 << 8 | number;
            if methods.iter().any(|m| m.number == number) {
                return Err(Error::new(
                    mark.number.span(),
                    "this number is taken already",
                ));
            }
            let (returns, result) = result_type(&function.sig.output)?;
            methods.push(Method {
                name: function.sig.ident.clone(),
                documentation: function
                    .attrs
                    .iter()
                    .filter(|a| a.path().is_ident("doc"))
                    .cloned()
                    .collect(),
                number,
                rights: mark.rights,
                parameters: parameters(&function.sig)?,
                result,
                returns,
            });
        }
        Ok(Self {
            name: item.ident.clone(),
            visibility: item.vis.clone(),
            id: id.0,
            methods,
        })
    }
}

/// The return type, and the `T` in its `Result<T>`.
fn result_type(output: &ReturnType) -> Result<(Type, Type)> {
    let wrong = || Error::new(output.span(), "an interface method returns `Result<T>`");
    let ReturnType::Type(_, ty) = output else {
        return Err(wrong());
    };
    let Type::Path(path) = &**ty else {
        return Err(wrong());
    };
    let last = path.path.segments.last().ok_or_else(wrong)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(wrong());
    };
    match (
        last.ident == "Result",
        arguments.args.len(),
        arguments.args.first(),
    ) {
        (true, 1, Some(GenericArgument::Type(inner))) => Ok(((**ty).clone(), inner.clone())),
        _ => Err(wrong()),
    }
}

fn parameters(signature: &syn::Signature) -> Result<Vec<Parameter>> {
    let mut inputs = signature.inputs.iter();
    if !matches!(inputs.next(), Some(FnArg::Receiver(r)) if r.reference.is_some() && r.mutability.is_none())
    {
        return Err(Error::new(
            signature.span(),
            "an interface method takes `&self`",
        ));
    }
    let is_caller = |arg: &FnArg| matches!(arg, FnArg::Typed(t) if type_ends_with(&t.ty, "Caller"));
    if !inputs.next().is_some_and(is_caller) {
        return Err(Error::new(
            signature.span(),
            "the first parameter is `caller: &Caller`",
        ));
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for input in inputs {
        let FnArg::Typed(typed) = input else { continue };
        let Pat::Ident(pattern) = &*typed.pat else {
            return Err(Error::new(typed.pat.span(), "a parameter has a plain name"));
        };
        let kind = kind_of(&typed.ty)?;
        if matches!(kind, Kind::Out) && parameters.iter().any(|p| matches!(p.kind, Kind::Out)) {
            return Err(Error::new(typed.span(), "at most one OutBuf"));
        }
        parameters.push(Parameter {
            name: pattern.ident.clone(),
            ty: (*typed.ty).clone(),
            kind,
        });
    }
    Ok(parameters)
}

fn type_ends_with(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Reference(r) => type_ends_with(&r.elem, name),
        Type::Path(p) => p.path.segments.last().is_some_and(|s| s.ident == name),
        _ => false,
    }
}

fn kind_of(ty: &Type) -> Result<Kind> {
    let Type::Reference(reference) = ty else {
        return Ok(Kind::Value);
    };
    let text = reference.elem.to_token_stream().to_string();
    match (reference.mutability.is_some(), text.as_str()) {
        (false, "str") => Ok(Kind::Text),
        (false, "[u8]") => Ok(Kind::Bytes),
        (true, _) if type_ends_with(&reference.elem, "OutBuf") => Ok(Kind::Out),
        _ => Err(Error::new(
            ty.span(),
            "by reference go only &[u8], &str and &mut OutBuf<'_>",
        )),
    }
}

/// `FileSystem` to `file_system`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// An identifier at the macro's call site.
pub(crate) fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}
