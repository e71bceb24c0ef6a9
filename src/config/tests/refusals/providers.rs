//! Mistakes in providers are found.

use super::*;

#[test]
fn mistakes_in_providers_are_found() {
    for (text, start, part) in [
        ("[providers.acme]", "line 1, providers.acme: ", "it needs `base_url`"),
        ("[providers.acme]\nbase_url = \"acme\"", "line 2, providers.acme.base_url: ", "http://"),
        ("[providers.Acme]\nbase_url = \"http://a\"", "line 1, providers.Acme: ", "1 to 64 of a-z"),
        ("[providers.compat]\nbase_url = \"http://a\"", "line 1, providers.compat: ", "reserved"),
        (
            "[providers.grok]\nfurther_base_urls = [\n{ base_url = \"a\" }]",
            "line 3, providers.grok.further_base_urls[0].base_url: ",
            "is invalid",
        ),
        (
            "[providers.grok]\nfurther_base_urls = [{ weight = 1 }]",
            "line 2, providers.grok.further_base_urls[0]: ",
            "it needs `base_url`",
        ),
        ("[providers.grok]\n[providers.xai]", "line 2, providers.xai: ", "set twice"),
        ("[providers.azure-openai]", "line 1, providers.azure-openai: ", "it needs `resource`"),
        ("[providers.aws-bedrock]", "line 1, providers.aws-bedrock: ", "it needs `region`"),
        (
            "[providers.vertex-ai]\nregion = \"eu\"",
            "line 1, providers.vertex-ai: ",
            "it needs `project`",
        ),
        (
            "[providers.azure-openai]\n\nresource = \"evil.example/\"",
            "line 3, providers.azure-openai.resource: ",
            "1 to 63",
        ),
        (
            "[providers.azure-openai]\nresource = \"a\"\nregion = \"eu\"",
            "line 3, providers.azure-openai.region: ",
            "no setting of this name",
        ),
        ("[providers.x]\nkind = \"acme\"", "line 2, providers.x.kind: ", "built-in"),
        ("[providers.openai]\nkind = \"grok\"", "line 2, providers.openai.kind: ", "built-in"),
        ("[providers.X]\nkind = \"grok\"", "line 1, providers.X: ", "1 to 64"),
        (
            "[providers.azure]\nresource = \"a\"\n[providers.azure-openai]\nresource = \"b\"",
            "line ",
            "set twice",
        ),
        ("[providers.grok]\nquery = 1", "line 2, providers.grok.query: ", "a table"),
        ("[providers.grok]\nquery.a = 1", "line 2, providers.grok.query.a: ", "a string"),
        ("[providers.grok]\nquery.key = \"x\"", "line 2, providers.grok.query.key: ", "`key`"),
        (
            "[providers.grok]\nquery = { a = \"1\",\n b = \"sk-LEAK0123456789\" }",
            "line 3, providers.grok.query.b: ",
            "must not be in this file",
        ),
        (
            "[providers.grok]\nheaders.authorization = \"x\"",
            "line 2, providers.grok.headers.authorization: ",
            "must not be in this file",
        ),
        (
            "[providers.grok]\nheaders.x-api-key = { env = \"HAS_1\" }",
            "line 2, providers.grok.headers.x-api-key: ",
            "cannot be fixed",
        ),
        (
            "[providers.grok]\nheaders.x-secret = \"hush\"",
            "line 2, providers.grok.headers.x-secret: ",
            "must not be in this file",
        ),
        (
            "[providers.grok]\nheaders.host = \"x\"",
            "line 2, providers.grok.headers.host: ",
            "cannot be fixed",
        ),
        (
            "[providers.grok]\nheaders.x = {}",
            "line 2, providers.grok.headers.x: ",
            "`env` or `file`",
        ),
        ("[providers.grok]\nheaders.x = 1", "line 2, providers.grok.headers.x: ", "a table"),
        (
            "[providers.grok]\nmodel_aliases = { a = \"b\",\n\"\" = \"b\" }",
            "line 3, providers.grok.model_aliases.: ",
            "cannot be used",
        ),
        (
            "[gateways.a]\ndefault_provider = \"acme\"",
            "line 2, gateways.a.default_provider: ",
            "no provider",
        ),
        (
            "[providers.grok]\naliases = [\"openai\"]",
            "line 2, providers.grok.aliases[0]: ",
            "has this name",
        ),
        ("[providers.grok]\naliases = [\"A\"]", "line 2, providers.grok.aliases[0]: ", "1 to 64"),
        (
            "[providers.grok]\nkey_header = \"host\"",
            "line 2, providers.grok.key_header: ",
            "cannot be sent",
        ),
        (
            "[providers.grok]\nopenai_path = \"?\"",
            "line 2, providers.grok.openai_path: ",
            "is invalid",
        ),
    ] {
        says(&of_file(text), start, part);
    }
}
