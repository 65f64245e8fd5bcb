namespace GridWrapper.Diagnostics;

/// <summary>An exception with those behind it. The outermost of a connection that failed says little; the reason is in one of the others.</summary>
internal static class ExceptionCauses
{
    /// <summary>Outermost first.</summary>
    internal static IEnumerable<Exception> Of(Exception error)
    {
        for (Exception? e = error; e is not null; e = e.InnerException)
        {
            yield return e;
        }
    }

    /// <summary>What they say, each thing once.</summary>
    internal static string Text(Exception error) => string.Join(": ", Of(error).Select(static e => e.Message).Distinct());
}
