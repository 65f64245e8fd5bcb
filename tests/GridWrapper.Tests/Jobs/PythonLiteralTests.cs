using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class PythonLiteralTests
{
    /// <summary>Values in a notation of our own, so that the tests do not lean on the parser: texts in «», the rest as in Python.</summary>
    private static string Show(PythonValue value) => value switch
    {
        PythonValue.Text text => $"«{text.Value}»",
        PythonValue.Whole whole => whole.Value.ToString(),
        PythonValue.Real real => real.Value.ToString("R"),
        PythonValue.Truth truth => truth.Value ? "True" : "False",
        PythonValue.None => "None",
        PythonValue.Sequence list => $"[{string.Join(',', list.Items.Select(Show))}]",
        PythonValue.Mapping map => $"{{{string.Join(',', map.Entries.Select(entry => $"{Show(entry.Key)}:{Show(entry.Value)}"))}}}",
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    };

    [TestCase("{}", "{}")]
    [TestCase("[]", "[]")]
    [TestCase("()", "[]")]
    [TestCase(" { 'a' : 'b' , } ", "{«a»:«b»}")]
    [TestCase("{'out.json': 'T.out.json'}", "{«out.json»:«T.out.json»}")]
    [TestCase("['a', \"b\",]", "[«a»,«b»]")]
    [TestCase("('a',)", "[«a»]")]
    [TestCase("('a')", "«a»")]
    [TestCase("\"it's\"", "«it's»")]
    [TestCase("'a' 'b'\"c\"", "«abc»")]
    [TestCase("u'a' b'b' R'\\n' ur'\\n' bR'x'", "«ab\\n\\nx»")]
    [TestCase(@"'\\ \' \"" \n\t\r\a\b\f\v'", "«\\ ' \" \n\t\r\a\b\f\v»")]
    [TestCase(@"'\0\101\x41\u00e9\U0001F600'", "«\0AAé😀»")]
    [TestCase(@"b'\xc3\xa9\u0041'", "«é\\u0041»")]
    [TestCase(@"'part[0-9]+\.root'", "«part[0-9]+\\.root»")]
    [TestCase(@"'\d\w\8'", "«\\d\\w\\8»")]
    [TestCase("'a\\\nb'", "«ab»")]
    [TestCase("r'a\\'b'", "«a\\'b»")]
    [TestCase("[0, -1, +2, 12345678901234567890, 3L, 0xFF, 1_000]", "[0,-1,2,12345678901234567890,3,255,1000]")]
    [TestCase("[1.5, .5, 1e3, -2.5E-1]", "[1.5,0.5,1000,-0.25]")]
    [TestCase("[True, False, None]", "[True,False,None]")]
    [TestCase("{'a': 1, 'b': 2, 'a': 3}", "{«b»:2,«a»:3}")]
    [TestCase("{1: ['x', {'y': ()}]}", "{1:[«x»,{«y»:[]}]}")]
    [TestCase("{\n'a':\t'b'\r\n}", "{«a»:«b»}")]
    public void Reads(string text, string expected)
    {
        bool ok = PythonLiteral.TryParse(text, out PythonValue? value, out string? error);

        Assert.That(ok ? Show(value!) : error, Is.EqualTo(expected));
    }

    [TestCase("", "a value is missing: the text ends (at character 1)")]
    [TestCase("out.json", "'out' is not a literal (a string needs quotes) (at character 1)")]
    [TestCase("{'a': b}", "'b' is not a literal (a string needs quotes) (at character 7)")]
    [TestCase("{'a'}", "':' should stand where '}' is (at character 5)")]
    [TestCase("{'a': 'b'", "',' or '}' is missing: the text ends")]
    [TestCase("['a' ; 'b']", "',' or ']' should stand where ';' is (at character 6)")]
    [TestCase("['a', , 'b']", "a value should stand where ',' is (at character 7)")]
    [TestCase("{'a': 'b'} x", "the end should stand where 'x' is (at character 12)")]
    [TestCase("'abc", "the string is not closed (it begins at character 1)")]
    [TestCase("'ab\nc'", "the string is not closed")]
    [TestCase("'abc\\", "the string is not closed")]
    [TestCase(@"'\x4'", "an escape needs 2 hex digits (at character 4)")]
    [TestCase(@"'\u12'", "an escape needs 4 hex digits")]
    [TestCase(@"'\UFFFFFFFF'", "is no character")]
    [TestCase(@"'\N{DASH}'", "\\N escapes are not supported")]
    [TestCase("'''a'''", "triple quotes")]
    [TestCase("f'a'", "'f' is not a literal")]
    [TestCase("1.2.3", "is not a number")]
    [TestCase("--1", "is not a number")]
    [TestCase("__import__('os')", "a value should stand where '_' is")]
    [TestCase("{'a': $X}", "a value should stand where '$' is")]
    public void SaysWhatIsWrongAndWhere(string text, string part)
    {
        bool ok = PythonLiteral.TryParse(text, out PythonValue? value, out string? error);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ok, Is.False);
            Assert.That(value, Is.Null);
            Assert.That(error, Does.Contain(part));
        }
    }

    [TestCase(32, true)]
    [TestCase(33, false)]
    [TestCase(1_000_000, false)]
    public void DepthIsLimited(int depth, bool accepted)
    {
        string text = new string('[', depth) + new string(']', depth);

        Assert.That(PythonLiteral.TryParse(text, out _, out string? error), Is.EqualTo(accepted), error);
    }
}
