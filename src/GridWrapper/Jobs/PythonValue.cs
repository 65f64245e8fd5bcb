using System.Numerics;

namespace GridWrapper.Jobs;

/// <summary>What a Python literal can be, as far as job parameters use it.</summary>
internal abstract record PythonValue
{
    private PythonValue()
    {
    }

    /// <summary>How messages call it.</summary>
    internal abstract string Kind { get; }

    internal sealed record Text(string Value) : PythonValue
    {
        internal override string Kind => "a string";
    }

    internal sealed record Whole(BigInteger Value) : PythonValue
    {
        internal override string Kind => "a number";
    }

    internal sealed record Real(double Value) : PythonValue
    {
        internal override string Kind => "a number";
    }

    internal sealed record Truth(bool Value) : PythonValue
    {
        internal override string Kind => "a truth value";
    }

    internal sealed record None : PythonValue
    {
        internal override string Kind => "None";
    }

    /// <summary>A list or a tuple; nobody tells them apart.</summary>
    internal sealed record Sequence(ImmutableArray<PythonValue> Items) : PythonValue
    {
        internal override string Kind => "a list";
    }

    /// <summary>In the order of the text; of equal text keys only the last remains.</summary>
    internal sealed record Mapping(ImmutableArray<KeyValuePair<PythonValue, PythonValue>> Entries) : PythonValue
    {
        internal override string Kind => "a dictionary";
    }
}
