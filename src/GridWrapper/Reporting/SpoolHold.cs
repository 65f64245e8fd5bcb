namespace GridWrapper.Reporting;

/// <summary>The right of this process to send one entry of the spool. Disposed without <see cref="Delivered"/>, the entry is free for the next one.</summary>
internal sealed class SpoolHold : IDisposable
{
    private readonly FileStream _locked;
    private readonly string _claimed;
    private readonly string _free;
    private bool _done;

    internal SpoolHold(FileStream locked, string claimed, string free)
    {
        _locked = locked;
        _claimed = claimed;
        _free = free;
    }

    /// <summary>The server has it: the entry is removed.</summary>
    internal void Delivered()
    {
        File.Delete(_claimed);
        _done = true;
    }

    public void Dispose()
    {
        if (!_done)
        {
            _done = true;
            File.Move(_claimed, _free, overwrite: true);
        }

        _locked.Dispose();
    }
}
