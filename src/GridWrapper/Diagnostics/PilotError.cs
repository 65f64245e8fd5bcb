namespace GridWrapper.Diagnostics;

/// <summary>Error codes of the PanDA pilot that gridwrap raises (pilot3's numbers; the monitor shows their texts).</summary>
internal static class PilotError
{
    internal const int NoLocalSpace = 1098;
    internal const int StageInFailed = 1099;
    internal const int NoSuchFile = 1103;
    internal const int UserDirectoryTooLarge = 1104;
    internal const int StdoutTooBig = 1106;
    internal const int SetupFailure = 1110;
    internal const int OutputFileTooLarge = 1124;
    internal const int StageOutFailed = 1137;
    internal const int PandaKill = 1144;
    internal const int TransformDownloadFailure = 1149;
    internal const int LoopingJob = 1150;
    internal const int StageOutTimeout = 1152;
    internal const int NoProxy = 1163;
    internal const int MissingOutputFile = 1165;
    internal const int LfnTooLong = 1190;
    internal const int ZeroFileSize = 1191;
    internal const int Mkdir = 1199;
    internal const int KillSignal = 1200;
    internal const int SigTerm = 1201;
    internal const int SigQuit = 1202;
    internal const int SigSegv = 1203;
    internal const int SigXcpu = 1204;
    internal const int UserKill = 1205;
    internal const int SigBus = 1206;
    internal const int SigUsr1 = 1207;
    internal const int SigInt = 1208;
    internal const int PayloadOutOfMemory = 1212;
    internal const int ReachedMaxTime = 1213;
    internal const int PayloadExceedMaxMem = 1235;
    internal const int NoUserTarball = 1246;
    internal const int PayloadExecutionFailure = 1305;
    internal const int ContainerGeneralFailure = 1306;
    internal const int ContainerBindFailure = 1308;
    internal const int ContainerImageMountFailure = 1309;
    internal const int PayloadExecutionException = 1310;
    internal const int CommunicationFailure = 1318;
    internal const int PayloadSegmentationFault = 1328;
    internal const int MissingInputFile = 1331;
    internal const int MissingUserCode = 1335;
    internal const int ResourceUnavailable = 1344;
    internal const int UserNamespaceFailed = 1345;
    internal const int TransformNotFound = 1346;
    internal const int UnrecognizedTrfArguments = 1349;
    internal const int PreprocessFailure = 1356;
    internal const int PostprocessFailure = 1357;
    internal const int ImageNotFound = 1360;
    internal const int CommandTimedOut = 1367;
    internal const int BadOutputFileName = 1371;
    internal const int ApptainerNotInstalled = 1372;
    internal const int CertificateHasExpired = 1373;
    internal const int CvmfsNotAlive = 1377;
    internal const int QueueNotSetUpForContainers = 1384;
    internal const int NoJobsInPanda = 1385;
}
