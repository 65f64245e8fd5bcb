using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Pure: checks a call's arguments as the server's decorator does, with its words: names first (missing before unknown), then types.</summary>
internal static class ArgumentCheck
{
    /// <summary>What the server answers instead of running the method; null when the arguments pass.</summary>
    internal static WorkloadAnswer? Judge(ApiSignature signature, JObject arguments, IReadOnlySet<string> unknown)
    {
        foreach (ApiParameter parameter in signature.Parameters)
        {
            if (parameter.Required && !arguments.ContainsKey(parameter.Name))
            {
                return WorkloadAnswer.No($"Argument error: missing a required argument: '{parameter.Name}'");
            }
        }

        foreach (JProperty argument in arguments.Properties())
        {
            if (unknown.Contains(argument.Name) || !signature.Parameters.Any(p => p.Name == argument.Name))
            {
                return WorkloadAnswer.No($"Argument error: got an unexpected keyword argument '{argument.Name}'");
            }
        }

        return signature.Parameters.Where(p => arguments.ContainsKey(p.Name)).Select(p => JudgeType(p, arguments[p.Name]!)).FirstOrDefault(static a => a is not null);
    }

    private static WorkloadAnswer? JudgeType(ApiParameter parameter, JToken value)
    {
        if (parameter.Type is not { } type || EqualsDefault(parameter, value) || Fits(type, value.Type))
        {
            return null;
        }

        return type.Contains('|', StringComparison.Ordinal)
            ? WorkloadAnswer.Plain(500, "'types.UnionType' object has no attribute '__name__'")
            : WorkloadAnswer.No($"Type error: '{parameter.Name}' must be of type {(type == "List" ? "list" : type)}, got {PythonName(value.Type)}.");
    }

    private static bool Fits(string type, JTokenType value) => type switch
    {
        "int" => value is JTokenType.Integer or JTokenType.Boolean,
        "float" => value is JTokenType.Float,
        "bool" => value is JTokenType.Boolean,
        "str" => value is JTokenType.String,
        "List" => value is JTokenType.Array,
        _ => value is JTokenType.Integer or JTokenType.Float or JTokenType.Boolean,
    };

    private static bool EqualsDefault(ApiParameter parameter, JToken value) => !parameter.Required && parameter.Default switch
    {
        null => value.Type == JTokenType.Null,
        string text => value.Type == JTokenType.String && (string?)value == text,
        long number => value.Type is JTokenType.Integer or JTokenType.Float && (double)value == number,
        _ => false,
    };

    private static string PythonName(JTokenType type) => type switch
    {
        JTokenType.Integer => "int",
        JTokenType.Float => "float",
        JTokenType.Boolean => "bool",
        JTokenType.String => "str",
        JTokenType.Array => "list",
        JTokenType.Null => "NoneType",
        _ => "dict",
    };
}
