//! Objects as the API writes them.

use std::borrow::Cow;

use kube::Resource;
use kube::api::{ApiResource, DynamicObject, ObjectMeta};
use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of which nothing is understood but its version, so that nothing in it can make a list unreadable. `METADATA`: only its
/// metadata is asked for.
#[derive(Debug, Clone)]
pub(super) struct Raw<const METADATA: bool> {
    pub(super) json: Value,
    meta: ObjectMeta,
}

impl<'de, const METADATA: bool> Deserialize<'de> for Raw<METADATA> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let version = json.pointer("/metadata/resourceVersion").and_then(Value::as_str);
        let meta = ObjectMeta { resource_version: version.map(str::to_owned), ..ObjectMeta::default() };
        Ok(Self { json, meta })
    }
}

impl<const METADATA: bool> Resource for Raw<METADATA> {
    type DynamicType = ApiResource;
    type Scope = <DynamicObject as Resource>::Scope;

    fn metadata_api() -> bool {
        METADATA
    }

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(resource)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(resource)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(resource)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(resource)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}
