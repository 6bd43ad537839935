using Manifold.Cli;

return CommandLine.Run(args);
