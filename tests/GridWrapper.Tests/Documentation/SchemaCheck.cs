using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using NJsonSchema;
using NJsonSchema.Validation;

namespace GridWrapper.Tests.Documentation;

/// <summary>Holds a JSON document against one of the published schemas. Shared with the system tests by a link in their project.</summary>
internal static class SchemaCheck
{
    /// <summary>What the schema has against the document, one line each.</summary>
    /// <param name="schemaFile">Relative to the repository, e.g. docs/schemas/gridwrap-result.schema.json.</param>
    /// <param name="document">The JSON text; comments are allowed.</param>
    internal static async Task<string[]> FaultsAsync(string schemaFile, string document)
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(Repository.Read(schemaFile));
        using JsonTextReader reader = new(new StringReader(document)) { DateParseHandling = DateParseHandling.None };
        ICollection<ValidationError> errors = schema.Validate(JToken.ReadFrom(reader, new JsonLoadSettings { CommentHandling = CommentHandling.Ignore }));
        return [.. errors.SelectMany(Describe)];
    }

    /// <summary>The property names that a schema knows at a path ("" for the document, "cvmfs", "binds[]").</summary>
    internal static async Task<string[]> PropertiesAsync(string schemaFile, string path)
    {
        JsonSchema at = await JsonSchema.FromJsonAsync(Repository.Read(schemaFile));
        foreach (string step in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            at = at.Properties[step.Replace("[]", "", StringComparison.Ordinal)].ActualSchema;
            at = step.EndsWith("[]", StringComparison.Ordinal) ? at.Item!.ActualSchema : at;
        }

        return [.. at.Properties.Keys];
    }

    private static IEnumerable<string> Describe(ValidationError error)
    {
        yield return $"{error.Path}: {error.Kind} {error.Property}";
        if (error is ChildSchemaValidationError child)
        {
            foreach (string inner in child.Errors.SelectMany(pair => pair.Value).SelectMany(Describe))
            {
                yield return inner;
            }
        }
    }
}
